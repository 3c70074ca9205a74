"""Inviting people, changing what they may do, and letting them go."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction
from django.urls import reverse

from ..models import Role, User
from . import audit


class AddressTaken(Exception):
    """Somebody works with this address already."""


class LastAdministrator(Exception):
    """The change would leave nobody who may change settings."""


@transaction.atomic
def invite(*, actor: User, email: str, name: str, role: str) -> User:
    """Add a person who has no password yet. Raises AddressTaken."""
    if User.objects.filter(email=email.strip().lower()).exists():
        raise AddressTaken
    user = User.objects.create_user(email, None, name=name, role=Role(role))
    audit.record(
        actor=actor, action="user.invited", obj=user, detail={"email": user.email, "role": user.role}
    )
    return user


def password_link(user: User) -> str:
    """Return the path at which the person sets a password; works once, for PASSWORD_RESET_TIMEOUT."""
    address = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return reverse("account_reset_password_from_key", kwargs=address)


def make_link(*, actor: User, user: User) -> str:
    """Return `password_link` for `actor` to pass on; the audit log holds that it was made, not the link."""
    audit.record(actor=actor, action="user.link_made", obj=user, detail={"email": user.email})
    return password_link(user)


@transaction.atomic
def change_role(*, actor: User, user: User, role: str) -> User:
    """Give a person another role. Raises LastAdministrator."""
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
    """Let a person sign in again, or no longer; open sessions end at once. Raises LastAdministrator."""
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.is_active != active:
        row.is_active = active
        row.save(update_fields=["is_active"])
        _keep_an_administrator()
        action = "user.activated" if active else "user.deactivated"
        audit.record(actor=actor, action=action, obj=row, detail={"email": row.email})
    return row


@transaction.atomic
def update_profile(*, user: User, name: str, time_zone: str) -> User:
    """Change one's own name and time zone."""
    user.name, user.time_zone = name, time_zone
    user.save(update_fields=["name", "time_zone"])
    audit.record(actor=user, action="user.profile_changed", obj=user)
    return user


def _keep_an_administrator() -> None:
    # Locked, so that two administrators cannot remove each other at the same moment.
    administrators = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    if not administrators.exists():
        raise LastAdministrator
