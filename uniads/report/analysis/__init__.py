"""What a ledger says about its space."""
