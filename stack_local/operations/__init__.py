"""One handler per operation."""
