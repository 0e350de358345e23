"""The flow, its settings and the command line."""
