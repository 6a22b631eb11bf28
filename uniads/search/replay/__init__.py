"""Recorded ledgers in place of trainings."""
