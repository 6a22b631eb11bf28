"""Distillers: sums of nodes, each one term of Eq. 1."""
