"""What is known of one person, in the order of time: consent, subscriptions, suppressions, and who changed what."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailplatform.accounts.models import AuditEntry

from ..models import Act, ConsentNotice, ConsentRecord, Subscriber, Subscription, Suppression
from . import merging

LIMIT = 200


class Look(NamedTuple):
    """How an entry is drawn."""

    icon: str = "circle"
    colour: str = "grey"


@dataclass(frozen=True)
class Entry:
    """One event of a person's history; ``detail`` is the evidence in words, ``wording`` what was shown."""

    at: datetime
    title: str
    detail: str = ""
    wording: str = ""
    icon: str = "circle"
    colour: str = "grey"
    record_id: int = 0


_CHANGES = {
    "subscriber.added": "Added by hand",
    "subscriber.changed": "Data, lists or tags changed",
    "subscriber.basis_recorded": "Basis recorded",
    "subscriber.language": "Language chosen: {to}",
    "register.proved": "Proof of consent opened",
}
_LOOKS = {
    "granted": Look(icon="check", colour="green"),
    "withdrawn": Look(icon="ban", colour="red"),
    "objected": Look(icon="ban", colour="red"),
    "refused": Look(icon="ban", colour="amber"),
    "requested": Look(icon="clock", colour="amber"),
    "erased": Look(icon="trash", colour="red"),
}


def of(subscriber: Subscriber) -> list[Entry]:
    """Return the history of a person and of who was merged into them, newest first.

    Six queries, at most ``LIMIT`` consent records and as many changes.
    """
    entries = [
        *_consent(subscriber), *_subscriptions(subscriber), *_suppressions(subscriber), *_changes(subscriber)
    ]  # fmt: skip
    entries.append(
        Entry(subscriber.created_at, "Added", _source(subscriber.source), icon="user-plus", colour="blue")
    )
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _source(source: str) -> str:
    return source[:1].upper() + source[1:]


def _consent(subscriber: Subscriber) -> list[Entry]:
    subjects = [subscriber.public_id, *(each.old_subject for each in merging.former(subscriber.pk))]
    records = list(ConsentRecord.objects.filter(subject__in=subjects).order_by("-id")[:LIMIT])
    notices = ConsentNotice.objects.in_bulk({record.notice_hash for record in records if record.notice_hash})
    return [_entry(record, notices.get(record.notice_hash)) for record in records]


def _entry(record: ConsentRecord, notice: ConsentNotice | None) -> Entry:
    look = _LOOKS.get(record.act, Look())
    parts = [record.get_method_display()]
    if record.act == Act.GRANTED:
        parts.append(record.get_lawful_basis_display())
    if record.source:
        parts.append(record.source)
    if record.act == Act.MERGED:
        return Entry(record.occurred_at, "Merged", record.source, icon="users", record_id=record.pk)
    return Entry(
        at=record.occurred_at,
        title=f"{record.get_purpose_display()}: {record.get_act_display().lower()}",
        detail=" · ".join(parts),
        wording=notice.text if notice else "",
        record_id=record.pk,
        icon=look.icon,
        colour=look.colour,
    )


def _subscriptions(subscriber: Subscriber) -> list[Entry]:
    entries = []
    for link in Subscription.objects.filter(subscriber=subscriber).select_related("mailing_list"):
        name = link.mailing_list.name
        if link.confirmed_at:
            entries.append(
                Entry(link.confirmed_at, f"Joined {name}", _source(link.source), icon="list", colour="green")
            )
        if link.unsubscribed_at:
            entries.append(Entry(link.unsubscribed_at, f"Left {name}", icon="list", colour="red"))
        if not link.confirmed_at and not link.unsubscribed_at:
            entries.append(Entry(link.created_at, f"Asked to join {name}", icon="list", colour="amber"))
    return entries


def _changes(subscriber: Subscriber) -> list[Entry]:
    """What users did, or the person set, that is no matter of consent: it stands in the audit log alone."""
    rows = AuditEntry.objects.filter(
        object_type=Subscriber._meta.label,  # noqa: SLF001 - Django documents it
        object_id=str(subscriber.pk), action__in=_CHANGES,
    )  # fmt: skip
    return [
        Entry(
            row.at, _CHANGES[row.action].format(to=row.detail.get("to", "")),
            f"by {row.detail.get('by') or row.actor_label}", icon="edit",
        )
        for row in rows[:LIMIT]
    ]  # fmt: skip


def _suppressions(subscriber: Subscriber) -> list[Entry]:
    entries = []
    for row in Suppression.objects.filter(email_key=bytes(subscriber.email_key)):
        words = f"No mail any more: {row.get_reason_display().lower()}"
        entries.append(Entry(row.created_at, words, row.detail or row.source, icon="shield-x", colour="red"))
        if row.lifted_at:
            entries.append(
                Entry(row.lifted_at, "May get mail again", row.lifted_because, icon="shield", colour="green")
            )
    return entries
