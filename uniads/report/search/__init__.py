"""The report on one search."""
