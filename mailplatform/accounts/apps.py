"""The app of users, roles, audit log and installation settings."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, roles, audit log and the installation's settings."""

    name = "mailplatform.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Register the system checks, what is noted of sign-ins, and what the papers of data protection rest on."""
        from . import (
            checks,  # noqa: F401 - importing registers them
            metrics,
            personal_data,
            receivers,
        )
        from .papers import own_facts

        personal_data.register()
        receivers.connect()
        metrics.connect()
        own_facts.register()
