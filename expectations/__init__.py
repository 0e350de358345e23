"""What published tables must be like: one hand-written suite a table (JSON), and expectations of
our own.
"""
