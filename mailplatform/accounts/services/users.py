"""Inviting people, changing what they may do, and letting them go."""

import datetime as dt

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import IntegrityError, transaction
from django.urls import reverse

from mailplatform.core import clock

from ..models import Role, User
from . import api_tokens, audit, installation, sessions


class AddressTaken(Exception):
    """Somebody works with this address already."""


class LastAdministrator(Exception):
    """The change would leave nobody who may change settings."""


class AlreadyJoined(Exception):
    """The person has set a password: there is no invitation any more."""


@transaction.atomic
def invite(*, actor: User, email: str, name: str, role: str) -> User:
    """Add a person who has no password yet. Raises AddressTaken. Nobody is written to yet: `send_invitation`."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, None, name=name, role=Role(role), invited_at=clock.now())
    except IntegrityError as error:
        raise AddressTaken from error
    audit.record(
        actor=actor, action="user.invited", obj=user, detail={"email": user.email, "role": user.role}
    )
    return user


@transaction.atomic
def renew_invitation(*, actor: User, user: User) -> User:
    """Make the links that are out worthless, so that a new one can be sent. Raises AlreadyJoined."""
    row = _invited(user)
    # The link's signature covers the stored password, also an unusable one.
    row.set_unusable_password()
    row.invited_at = clock.now()
    row.save(update_fields=["password", "invited_at"])
    audit.record(actor=actor, action="user.invited_again", obj=row, detail={"email": row.email})
    return row


@transaction.atomic
def revoke_invitation(*, actor: User, user: User) -> None:
    """Forget a person who never came; the link stops working. Raises AlreadyJoined."""
    row = _invited(user)
    audit.record(actor=actor, action="user.invitation_revoked", obj=row, detail={"email": row.email})
    row.delete()


def _invited(user: User) -> User:
    row = User.objects.select_for_update().get(pk=user.pk)
    if not is_invited(row):
        raise AlreadyJoined
    return row


def is_invited(user: User) -> bool:
    """Return whether the person was invited and has not set a password yet."""
    return user.is_active and not user.has_usable_password()


def invitation_ends(user: User) -> dt.datetime | None:
    """Return when the newest link stops working; None for whoever was never invited."""
    return user.invited_at and user.invited_at + dt.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


def send_invitation(*, actor: User, user: User) -> bool:
    """Send the link by mail; False where the mail could not leave (the log says why), so that it is passed on."""
    context = {
        "actor": actor,
        "person": user,
        "company": installation.get().company,
        "link": f"{installation.public_url()}{password_link(user)}",
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    return bool(get_adapter().send_mail("account/email/invitation", user.email, context))


def password_link(user: User) -> str:
    """Return the path at which the person sets a password; works once, for PASSWORD_RESET_TIMEOUT."""
    address = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return reverse("account_reset_password_from_key", kwargs=address)


@transaction.atomic
def make_link(*, actor: User, user: User) -> str:
    """Return `password_link` for `actor` to pass on; the audit log holds that it was made, not the link."""
    if is_invited(user):
        User.objects.filter(pk=user.pk).update(invited_at=clock.now())
    audit.record(actor=actor, action="user.link_made", obj=user, detail={"email": user.email})
    return password_link(user)


@transaction.atomic
def change_role(*, actor: User, user: User, role: str) -> User:
    """Give a person another role. Raises LastAdministrator."""
    _lock_administrators()
    row = User.objects.select_for_update().get(pk=user.pk)
    before, row.role = row.role, Role(role)
    if before != row.role:
        row.save(update_fields=["role"])
        _keep_an_administrator()
        audit.record(
            actor=actor,
            action="user.role_changed",
            obj=row,
            detail={"email": row.email, "role": [before, row.role]},
        )
    return row


@transaction.atomic
def set_active(*, actor: User, user: User, active: bool) -> User:
    """Let a person sign in again, or no longer. Raises LastAdministrator.

    Whoever is let go loses open sessions and API tokens at once, also for the day they come back.
    """
    _lock_administrators()
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.is_active == active:
        return row
    row.is_active = active
    row.save(update_fields=["is_active"])
    _keep_an_administrator()
    detail: dict[str, object] = {"email": row.email}
    if not active:
        detail["sessions_ended"] = sessions.end_all(row)
        detail["api_tokens_revoked"] = api_tokens.revoke_all(owner=row, actor=actor)
    audit.record(
        actor=actor, action="user.activated" if active else "user.deactivated", obj=row, detail=detail
    )
    return row


@transaction.atomic
def update_profile(*, user: User, name: str, time_zone: str) -> User:
    """Change one's own name and time zone."""
    user.name, user.time_zone = name, time_zone
    user.save(update_fields=["name", "time_zone"])
    audit.record(actor=user, action="user.profile_changed", obj=user)
    return user


def _lock_administrators() -> None:
    """Let acts that may remove an administrator come one after the other: locked in one order, before any change."""
    list(User.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk").values_list("pk"))


def _keep_an_administrator() -> None:
    # Whoever was invited and never came cannot sign in: they do not count.
    administrators = User.objects.filter(role=Role.ADMIN, is_active=True)
    if not administrators.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists():
        raise LastAdministrator
