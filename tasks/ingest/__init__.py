"""Ingest: fetch each distinct link once, verify its picture and store it."""
