"""People as CSV for a spreadsheet: streamed, so that memory stays flat, and safe to open.

A cell that a spreadsheet would run as a formula begins with an apostrophe; the import takes it off again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db import connection

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core.sheets import csv_rows

from ..models import CustomField, MailingList, Tag
from ..selectors.eligibility import REASONS, reason_sql
from .bulk import Selection

CHUNK: Final = 2_000
_SQL = """
SELECT s.email, s.name, s.language, s.time_zone, s.created_at, {reason}, s.fields,
    COALESCE(p.list_ids, '{{}}'), COALESCE(p.tag_ids, '{{}}'), COALESCE(p.opens_allowed, FALSE),
    COALESCE(p.clicks_allowed, FALSE), s.source
FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
WHERE s.id = ANY(%s) ORDER BY s.id DESC
"""
COLUMNS: Final = (
    "email",
    "name",
    "language",
    "time_zone",
    "added",
    "marketing_mail",
    "lists",
    "tags",
    "agreed_to_open_tracking",
    "agreed_to_click_tracking",
    "source",
)


def export(*, selection: Selection, actor: User | None) -> Iterator[bytes]:
    """Record the export in the audit log and return the CSV in pieces, newest people first, UTF-8 with a mark."""
    audit.record(
        actor=actor,
        action="people.exported",
        detail={"people": selection.count(), "over": "ticked people" if selection.ids else "a filter"},
    )
    return _pieces(selection)


def _pieces(selection: Selection) -> Iterator[bytes]:
    fields = list(CustomField.objects.order_by("key").values_list("key", flat=True))
    lists, tags = (
        dict(MailingList.objects.values_list("pk", "name")),
        dict(Tag.objects.values_list("pk", "name")),
    )
    yield b"\xef\xbb\xbf" + _lines([[*COLUMNS, *fields]])
    below = None
    while ids := selection.chunk(below, CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(_SQL.format(reason=reason_sql("marketing")), [ids])
            yield _lines([_cells(row, fields, lists, tags) for row in cursor.fetchall()])
        below = ids[-1]


def _cells(
    row: Sequence[Any], fields: Sequence[str], lists: dict[int, str], tags: dict[int, str]
) -> list[str]:
    email, name, language, zone, added, reason, values, list_ids, tag_ids, opens, clicks, source = row
    return [
        email,
        name,
        language,
        zone,
        added.isoformat(timespec="seconds"),
        REASONS.get(reason, "yes"),
        "; ".join(lists[key] for key in list_ids if key in lists),
        "; ".join(tags[key] for key in tag_ids if key in tags),
        "yes" if opens else "no",
        "yes" if clicks else "no",
        source,
        *(_text(values.get(key)) for key in fields),
    ]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(csv_rows(rows)).encode()
