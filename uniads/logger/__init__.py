"""Where trainings and searches are logged."""
