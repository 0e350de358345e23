"""Comparing metrics of the source by tag."""
