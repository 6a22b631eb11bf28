"""One student's training as it is configured."""
