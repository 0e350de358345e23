"""Tables in files: CSV, JSON Lines and Parquet, on a disk or on S3."""
