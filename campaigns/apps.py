"""The app `campaigns`."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The app `campaigns`; ARCHITECTURE.md says what lives in it."""

    name = "campaigns"

    def ready(self) -> None:
        """Tell the undo of imports, and the rule for people who want less mail, who was mailed."""
        from subscribers.selectors import mailed

        from . import metrics, papers, personal_data
        from .selectors.mailed import mailed_since, marketing_since_sql

        mailed.register(mailed_since)
        mailed.register_marketing(marketing_since_sql)
        papers.register()
        personal_data.register()
        metrics.connect()
