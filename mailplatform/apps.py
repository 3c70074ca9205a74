"""The project itself as an app: its commands and static files."""

from django.apps import AppConfig
from django.conf import settings


class MailplatformConfig(AppConfig):
    """Commands and static files; also configures Celery in every process."""

    name = "mailplatform"

    def ready(self) -> None:
        """Refuse Regions outside the EEA, and the fault lab's tools outside the sandbox, in every kind of process.

        Without the import a web process would enqueue to Celery's default broker instead of ours.
        """
        from . import celery  # noqa: F401 - imported for what it does: tasks go to our broker
        from .accounts import checks
        from .core import faults

        checks.refuse_regions()
        checks.refuse_trials()
        faults.start(settings.SENTRY_DSN)
