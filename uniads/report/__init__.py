"""What a user sees of a run. All of it reads results; none of it is read by a search."""
