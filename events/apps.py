"""The app `events`."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The app `events`; ARCHITECTURE.md says what lives in it."""

    name = "events"

    def ready(self) -> None:
        """Tell segments what they may ask about campaigns, requests for access what is held, and for how long."""
        from subscribers.selectors import catalogue, holdings

        from . import metrics, papers, personal_data
        from .selectors import held, reactions, sunset
        from .services import retention

        catalogue.register(reactions.subjects)
        catalogue.register(sunset.subjects)
        holdings.register("mails", held.mails)
        holdings.register("events", held.happened)
        holdings.register("inactivity", held.inactivity)
        retention.register()
        papers.register()
        personal_data.register()
        metrics.connect()
