"""Analyzers: who answers an operation on an image."""
