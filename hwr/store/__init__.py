"""Prepared lines in Parquet files."""
