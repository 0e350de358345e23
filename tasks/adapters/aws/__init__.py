"""Amazon Web Services: opening clients, mapping errors, the account, the bucket, its policy."""
