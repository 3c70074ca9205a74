"""How django-allauth behaves here."""

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.http import HttpRequest

log = structlog.get_logger(__name__)


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Nobody signs up by themselves: an administrator invites."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: there is no public sign-up."""
        del request
        return False

    def format_email_subject(self, subject: str) -> str:
        """Return the subject as it is written, without the name of a site."""
        return subject

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail about the account; when Amazon cannot be reached, the page says nothing false.

        The answer must not tell a stranger whether the address is known, so a failure is logged, not shown.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except Exception:  # any backend may be configured, each with errors of its own
            log.exception("account_mail_failed", template=template_prefix)

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Leave out greetings: being signed in is visible."""
        if level != messages.SUCCESS or "logged" not in str(args[:1]):
            super().add_message(request, level, *args, **kwargs)
