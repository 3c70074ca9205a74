"""Pages of the app `events`."""
