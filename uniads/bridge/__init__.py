"""Between the search engine and the trainings: spaces, jobs and configurations."""
