"""Requests that are tried again: how long before, and how often it was."""
