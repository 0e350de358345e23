"""Removing a person's rows, pictures and answers from everything that the store keeps."""
