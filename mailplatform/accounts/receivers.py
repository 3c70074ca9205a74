"""What Django and django-allauth tell about signing in, written into the audit log and the list of sessions."""

from collections.abc import Callable
from typing import Any

from allauth.account import signals as account
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals as mfa
from django.contrib.auth import signals as auth
from django.http import HttpRequest

from . import devices
from .models import User
from .services import audit, sessions


def connect() -> None:
    """Listen; called once, as the process starts."""
    auth.user_logged_in.connect(_note_session, dispatch_uid="note_session")
    account.user_logged_in.connect(_signed_in, dispatch_uid="audit_sign_in")
    for signal, action in (
        (account.password_changed, "user.password_changed"),
        (account.password_set, "user.password_set"),
        (account.password_reset, "user.password_set"),
    ):
        signal.connect(_password(action), weak=False, dispatch_uid=f"audit_{id(signal)}")
    for signal, action in (
        (mfa.authenticator_added, "second_factor.added"),
        (mfa.authenticator_removed, "second_factor.removed"),
        (mfa.authenticator_reset, "second_factor.codes_made"),
    ):
        signal.connect(_second_factor(action), weak=False, dispatch_uid=f"audit_{id(signal)}")


def _note_session(request: HttpRequest | None, user: User, **_: Any) -> None:
    if request is not None:
        sessions.note(request, user)


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    ways = [
        str(record.get("type") or record["method"]) for record in get_authentication_records(request, user)
    ]
    device = devices.describe(request.headers.get("User-Agent", ""))
    audit.record(actor=user, action="user.signed_in", obj=user, detail={"by": ways, "device": device})


def _password(action: str) -> Callable[..., None]:
    """Whoever had the old password is out: all other sessions end."""

    def receive(request: HttpRequest, user: User, **_: Any) -> None:
        keep = request.session.session_key if request.user == user else None
        ended = sessions.end_all(user, keep=keep)
        audit.record(actor=user, action=action, obj=user, detail={"sessions_ended": ended})

    return receive


def _second_factor(action: str) -> Callable[..., None]:
    def receive(user: User, authenticator: Any, **_: Any) -> None:
        audit.record(actor=user, action=action, obj=user, detail={"kind": authenticator.type})

    return receive
