"""What every key of every command may be: checked once, completely, before torch is loaded."""
