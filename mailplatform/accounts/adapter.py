"""How django-allauth behaves here."""

import base64
import time
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest

from mailplatform.core import keys

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

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> bool:
        """Send a mail about the account; False when it could not leave, and the page says nothing false.

        The answer must not tell a stranger whether the address is known, so a failure is logged, not shown.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except Exception:  # any backend may be configured, each with errors of its own
            log.exception("account_mail_failed", template=template_prefix)
            return False
        return True

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Leave out greetings: being signed in is visible."""
        if level != messages.SUCCESS or "logged" not in str(args[:1]):
            super().add_message(request, level, *args, **kwargs)

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """Ask for the password again unless it, a code or a passkey was given lately, also at the sign-in itself."""
        del app
        request = context.request
        records = get_authentication_records(request, request.user)
        newest = max((record.get("at", 0.0) for record in records), default=0.0)
        return bool(time.time() - newest >= settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


class SealingMfaAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth has no types
    """Second factors: their secrets are encrypted at rest.

    The key comes from DATA_KEY, which never changes: a new SECRET_KEY must not lock everybody out.
    """

    def encrypt(self, text: str) -> str:
        """Seal the secret of an app or a recovery code's seed."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open it; what was stored before secrets were sealed is read as it is."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return encrypted_text

    def get_totp_issuer(self) -> str:
        """Return what apps show beside the code."""
        return "mailplatform"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the site that a passkey belongs to: its host."""
        return {"id": context.request.get_host().partition(":")[0], "name": "mailplatform"}


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(keys.derive("second-factor")))
