"""Measurements: ``make bench``. Each prints a table and writes JSON; ratios hold inside one run only."""
