"""The steps of the pipeline, a file or folder for each: a thin task over pure functions."""
