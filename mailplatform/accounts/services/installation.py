"""The settings of this installation: read, change, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from mailplatform.aws import session

from .. import vault
from ..models import Installation, User
from . import audit

SECRET = "secret_access_key"  # noqa: S105 (the name of the setting, not a secret)
# What an administrator may change in the browser; the rest is written by provisioning or never.
CHANGEABLE = frozenset(
    {
        "company",
        "postal_address",
        "public_url",
        "time_zone",
        "language",
        "region",
        "access_key_id",
        SECRET,
        "sender_name",
        "sender_address",
        "reply_to",
        "track_opens",
        "track_clicks",
        "tracking_carrier",
        "ses_tracking_acknowledged_at",
        "require_second_factor",
    }
)
# Written by provisioning, by choosing for it and by the reading of the account; not in the audit log at every reading.
PROVISIONED = frozenset(
    {
        "account_id",
        "configuration_set_prefix",
        "topic_arns",
        "dead_letter_queue_url",
        "verified_identities",
        "provisioning",
        "account_choices",
        "max_send_rate",
        "max_24_hour_send",
        "sent_last_24_hours",
        "production_access",
        "sending_enabled",
        "enforcement_status",
        "quota_read_at",
    }
)


class UnknownSetting(Exception):
    """There is no such setting, or it may not be changed."""


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """A pair of keys."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def get() -> Installation:
    """Return the settings; they come into being at the first reading."""
    return Installation.objects.get_or_create(id=1)[0]


@transaction.atomic
def update(*, actor: User | None, **changes: Any) -> Installation:
    """Change settings and write which ones, with old and new values, into the audit log.

    A secret is encrypted and appears in the log only as "changed". Raises UnknownSetting.
    """
    if unknown := changes.keys() - CHANGEABLE - PROVISIONED:
        message = f"Unknown setting: {', '.join(sorted(unknown))}"
        raise UnknownSetting(message)
    get()
    row = Installation.objects.select_for_update().get(id=1)
    noted: dict[str, Any] = {}
    for name, value in changes.items():
        if name == SECRET:
            row.secret_key_encrypted = vault.seal(value) if value else None
            noted[SECRET] = "changed" if value else "removed"
        elif (before := getattr(row, name)) != value:
            setattr(row, name, value)
            if name in CHANGEABLE:
                noted[name] = [_plain(before), _plain(value)]
    row.save()
    if noted:
        audit.record(actor=actor, action="settings.changed", obj=row, detail=noted)
    return row


@transaction.atomic
def note_identities(said: Mapping[str, bool]) -> Installation:
    """Note which identities Amazon lets this site send from (True) and which not; of the others nothing is known.

    What changes by it is in the audit log: it decides whose mail leaves.
    """
    get()
    row = Installation.objects.select_for_update().get(id=1)
    known = {name.lower(): name for name in row.verified_identities}
    lost = [known[name.lower()] for name, may in said.items() if not may and name.lower() in known]
    verified = [name for name, may in said.items() if may and name.lower() not in known]
    if lost or verified:
        row.verified_identities = sorted({*row.verified_identities, *verified} - set(lost))
        row.save()
        detail = {"verified": verified, "lost": lost}
        audit.record(actor=None, action="aws.identities", detail=detail)
    return row


def begin_epoch() -> None:
    """Let mails from now on bear another mark than all before: the database was put back to an earlier time."""
    get()
    Installation.objects.filter(id=1).update(epoch=F("epoch") + 1)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def public_url(installation: Installation | None = None) -> str:
    """Return the address under which readers reach us, without a slash at the end."""
    return ((installation or get()).public_url or settings.PUBLIC_URL).rstrip("/")


def region(installation: Installation | None = None) -> str:
    """Return the Region in use; the environment wins over the settings page."""
    return settings.AWS_REGION or (installation or get()).region


def credentials() -> AwsCredentials | None:
    """Return the keys in use, or None where the machine's own role is to be used.

    The environment wins over the settings page. Raises vault.SecretUnreadable.
    """
    if settings.AWS_ACCESS_KEY_ID:
        return AwsCredentials(settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY)
    row = get()
    if not row.access_key_id or row.secret_key_encrypted is None:
        return None
    return AwsCredentials(row.access_key_id, vault.unseal(row.secret_key_encrypted))


def aws_connection() -> session.Connection:
    """Return how to reach Amazon (or the sandbox) with the Region and keys in use.

    Raises vault.SecretUnreadable.
    """
    keys = credentials()
    return session.Connection(
        region=region(),
        access_key_id=keys.access_key_id if keys else "",
        secret_access_key=keys.secret_access_key if keys else "",
        endpoint_urls=settings.AWS_ENDPOINT_URLS,
    )


def is_sandbox(installation: Installation | None = None) -> bool:
    """Return whether no mail can leave this machine: all endpoints are local, the account the sandbox's."""
    return session.is_sandbox(settings.AWS_ENDPOINT_URLS, (installation or get()).account_id)
