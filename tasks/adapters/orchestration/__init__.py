"""Prefect and Dask as seen from here: results, shard runs, heartbeats, a server that may be away."""
