"""What the engineer who opens a flow run sees."""
