"""A search for other tools."""
