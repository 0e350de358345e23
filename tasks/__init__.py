"""The steps of the pipeline, one file a step: a thin Prefect task over pure functions."""
