"""The app `campaigns`."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The app `campaigns`; ARCHITECTURE.md says what lives in it."""

    name = "campaigns"

    def ready(self) -> None:
        """Tell the undo of imports who was mailed."""
        from subscribers.selectors import mailed

        from .selectors.mailed import mailed_since

        mailed.register(mailed_since)
