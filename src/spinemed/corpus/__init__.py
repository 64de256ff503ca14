"""The corpus: studies in, a folder of Parquet shards with card and manifest out (`spinemed.corpus.build`)."""
