"""The tables that people merge on: `images`, `tags_wide`, `tagged` and `rows`."""
