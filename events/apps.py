"""The app `events`."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The app `events`; ARCHITECTURE.md says what lives in it."""

    name = "events"

    def ready(self) -> None:
        """Tell segments what they may ask about campaigns, and requests for access what is held of a person."""
        from subscribers.selectors import catalogue, holdings

        from .selectors import held, reactions

        catalogue.register(reactions.subjects)
        holdings.register("mails", held.mails)
        holdings.register("events", held.happened)
