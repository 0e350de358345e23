"""What every layer agrees on: words, reason codes, tables, settings, operations.

Imports nothing of the project.
"""
