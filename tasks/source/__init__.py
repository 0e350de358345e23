"""Reading the source: every row, and the links in its cells."""
