"""What beat does for this app."""

from typing import Any

from celery import shared_task

from .services import sessions


@shared_task(name="accounts.forget_sessions")
def forget_sessions(**_: Any) -> None:
    """Delete the sessions that are over."""
    sessions.forget_expired()
