"""Searches compared with each other."""
