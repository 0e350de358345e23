"""Prefect and Dask: results, shard runs, heartbeats, locks, a server that may be away."""
