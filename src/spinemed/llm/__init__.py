"""Language models over OpenAI-compatible endpoints: requests, the client, the ledger of replies"""
