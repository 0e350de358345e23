"""What a run did, as data."""
