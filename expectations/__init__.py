"""What published tables must be like: one suite per table (JSON), and expectations of our own."""
