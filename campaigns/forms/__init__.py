"""Forms of the app: they read what a browser sent, and nothing else."""
