"""One hand-written Great Expectations suite for each published table."""
