"""Everything that touches the outside world, one file a world. An adapter knows no task."""
