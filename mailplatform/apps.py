"""The project itself as an app: its commands and static files."""

from django.apps import AppConfig


class MailplatformConfig(AppConfig):
    """Commands and static files; also configures Celery in every process."""

    name = "mailplatform"

    def ready(self) -> None:
        """Without this, a web process would enqueue to Celery's default broker instead of ours."""
        from . import celery  # noqa: F401
