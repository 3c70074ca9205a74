"""The app `events`."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The app `events`; ARCHITECTURE.md says what lives in it."""

    name = "events"
