"""The project itself as an app: its commands and static files."""

from django.apps import AppConfig


class MailplatformConfig(AppConfig):
    """Commands, static files and nothing else."""

    name = "mailplatform"
