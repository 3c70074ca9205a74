"""The app `campaigns`."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """The app `campaigns`; ARCHITECTURE.md says what lives in it."""

    name = "campaigns"
