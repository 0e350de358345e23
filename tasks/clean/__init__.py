"""Cleaning the tags."""
