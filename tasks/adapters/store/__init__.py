"""The store: a folder or a prefix of an S3 bucket, with the same contract."""
