"""What runs the steps: mapping over batches, shards, shared resources, and the run's folder."""
