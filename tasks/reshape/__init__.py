"""From responses to one long table of tags."""
