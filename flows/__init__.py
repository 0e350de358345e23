"""The flow, its settings, the command line, and `tag_images` for notebooks."""
