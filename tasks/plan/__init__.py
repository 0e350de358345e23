"""Planning the analysis: what is left to ask, what it costs, and in which batches."""
