"""Jobs and the processes they run in: one bad job costs one job."""
