"""Distances D: how far a student's view is from its teacher's."""
