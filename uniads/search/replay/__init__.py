"""Recorded ledgers as objectives: a search is answered from them, and nothing is trained."""
