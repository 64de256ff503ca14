"""The build: studies in, Parquet shards, card and manifest out."""
