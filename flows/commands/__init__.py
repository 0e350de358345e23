"""One module per command; `image_tags.flows.cli` imports the one that is used."""
