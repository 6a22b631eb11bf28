"""What every report is made of."""
