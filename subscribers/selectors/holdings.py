"""All that is held about one person, for Art. 15 (access) and Art. 20 (portability), as JSON and as CSV.

What other apps hold they register here (`register`), because this app knows nothing of them.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from mailplatform.core import clock
from mailplatform.core.sheets import csv_rows

from ..models import (
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    CustomField,
    Profile,
    Subscriber,
    Subscription,
    Suppression,
)
from . import merging

Section = Callable[[list[int]], Any]
# What the person gave us (Art. 20(1)); the rest is what we noted or derived.
GIVEN: Final = ("person", "fields", "lists", "consent")
_sections: dict[str, Section] = {}


def register(name: str, section: Section) -> None:
    """Let another app add what it holds; `section` takes the person's numbers, former ones too, and returns JSON."""
    _sections[name] = section


def of(subscriber: Subscriber, *, given_only: bool = False) -> dict[str, Any]:
    """Return everything as a JSON-ready dictionary; with `given_only` what the person provided themselves."""
    former = merging.former(subscriber.pk)
    numbers = [subscriber.pk, *(each.old_id for each in former)]
    subjects = [subscriber.public_id, *(each.old_subject for each in former)]
    document: dict[str, Any] = {
        "made_at": _time(clock.now()),
        "person": _person(subscriber),
        "fields": _fields(subscriber),
        "lists": _lists(subscriber),
        "consent": _consent(subjects),
    }
    if given_only:
        return document
    document |= {
        "tags": sorted(tag.name for tag in subscriber.tags.all()),
        "profile": _profile(subscriber),
        "no_mail": _suppressions(subscriber),
    }
    return document | {name: section(numbers) for name, section in sorted(_sections.items())}


def as_csv(document: dict[str, Any]) -> str:
    """Return the document as rows of section, number, field and value; formulas are quoted."""
    rows = [["section", "number", "field", "value"]]
    for section, content in document.items():
        items = content if isinstance(content, list) else [content]
        for number, item in enumerate(items, 1):
            cells = item if isinstance(item, dict) else {"": item}
            rows += [[section, str(number), name, value] for name, value in _flat(cells)]
    return "".join(csv_rows(rows))


def _flat(cells: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in cells.items():
        if isinstance(value, dict):
            rows += [(f"{name}.{inner}", text) for inner, text in _flat(value)]
        else:
            text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((str(name), "" if value is None else text))
    return rows


def _person(subscriber: Subscriber) -> dict[str, Any]:
    return {
        "email": subscriber.email,
        "name": subscriber.name,
        "language": subscriber.language,
        "time_zone": subscriber.time_zone,
        "source": subscriber.source,
        "added_at": _time(subscriber.created_at),
        "changed_at": _time(subscriber.updated_at),
        "reference": str(subscriber.public_id),
    }


def _fields(subscriber: Subscriber) -> dict[str, Any]:
    labels = dict(CustomField.objects.filter(key__in=list(subscriber.fields)).values_list("key", "label"))
    return {labels.get(key, key): value for key, value in subscriber.fields.items()}


def _lists(subscriber: Subscriber) -> list[dict[str, Any]]:
    links = Subscription.objects.filter(subscriber=subscriber).select_related("mailing_list").order_by("pk")
    return [
        {
            "list": link.mailing_list.name,
            "state": link.state,
            "confirmed_at": _time(link.confirmed_at),
            "left_at": _time(link.unsubscribed_at),
            "source": link.source,
        }
        for link in links
    ]


def _consent(subjects: list[Any]) -> list[dict[str, Any]]:
    records = list(ConsentRecord.objects.filter(subject__in=subjects).order_by("id"))
    wordings = ConsentNotice.objects.in_bulk({record.notice_hash for record in records if record.notice_hash})
    beside = ConsentPersonal.objects.in_bulk([record.id for record in records])
    return [
        {
            "record": record.id,
            "purpose": record.purpose,
            "act": record.act,
            "lawful_basis": record.lawful_basis,
            "method": record.method,
            "source": record.source,
            "page": record.page,
            "occurred_at": _time(record.occurred_at),
            "recorded_at": _time(record.recorded_at),
            "wording": wordings[record.notice_hash].text if record.notice_hash in wordings else "",
            "email": beside[record.id].email if record.id in beside else "",
            "network": beside[record.id].ip if record.id in beside else "",
            "evidence": beside[record.id].evidence if record.id in beside else {},
        }
        for record in records
    ]


def _profile(subscriber: Subscriber) -> dict[str, Any]:
    row = Profile.objects.filter(pk=subscriber.pk).first()
    if row is None:
        return {}
    return {
        "marketing_basis": row.marketing_basis,
        "contract": row.contract_basis,
        "legitimate_interest": row.service_basis,
        "opens_may_be_measured": row.opens_allowed,
        "clicks_may_be_measured": row.clicks_allowed,
        "paused_until": _time(row.paused_until),
        "at_most_one_mail_in_days": row.mail_gap_days,
        "last_sent_at": _time(row.last_sent_at),
        "last_opened_at": _time(row.last_opened_at),
        "last_clicked_at": _time(row.last_clicked_at),
        "opens": row.opens,
        "clicks": row.clicks,
    }


def _suppressions(subscriber: Subscriber) -> list[dict[str, Any]]:
    rows = Suppression.objects.filter(email_key=bytes(subscriber.email_key)).order_by("pk")
    return [
        {
            "reason": row.reason,
            "source": row.source,
            "since": _time(row.created_at),
            "lifted_at": _time(row.lifted_at),
            "lifted_because": row.lifted_because,
        }
        for row in rows
    ]


def _time(moment: dt.datetime | None) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds") if moment else ""
