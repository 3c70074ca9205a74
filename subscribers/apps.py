"""The app `subscribers`."""

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    """The app `subscribers`; ARCHITECTURE.md says what lives in it."""

    name = "subscribers"
