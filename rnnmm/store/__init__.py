"""Decoded media at rest: Arrow shards and one Parquet index."""
