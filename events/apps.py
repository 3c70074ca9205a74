"""The app `events`."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The app `events`; ARCHITECTURE.md says what lives in it."""

    name = "events"

    def ready(self) -> None:
        """Tell segments what they may ask about campaigns."""
        from subscribers.selectors import catalogue

        from .selectors import reactions

        catalogue.register(reactions.subjects)
