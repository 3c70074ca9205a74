"""What segments can be made of here and now: the built-in subjects, the custom fields, the lists and tags."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Cast

from ..models import CustomField, MailingList, OrderCurrency, Tag
from ..segments.catalogue import (
    BUILT_IN,
    Catalogue,
    Part,
    Subject,
    field_subject,
    list_subject,
    spent_subject,
    tag_subject,
)

Provider = Callable[[], Iterable[Subject]]
_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Let an app that knows more of people than we do add its subjects; called once, at start-up."""
    if provider not in _providers:
        _providers.append(provider)


def current() -> Catalogue:
    """Return the catalogue of this installation: two queries and those of other apps' subjects, each when needed."""
    return Catalogue(
        parts=[
            Part(_fields, ("field.",)),
            Part(lambda: BUILT_IN, tuple(subject.key for subject in BUILT_IN)),
            Part(_named, ("spent.", "list", "tag")),
            Part(lambda: (subject for provider in _providers for subject in provider())),
        ]
    )


def _fields() -> Iterator[Subject]:
    for field in CustomField.objects.all():
        yield field_subject(field.key, field.label, field.type, field.slot, field.choices)


def _named() -> Iterator[Subject]:
    names = _names()
    yield from (spent_subject(code) for code, _ in names["currency"])
    yield list_subject(names["list"])
    yield tag_subject(names["tag"])


def _names() -> dict[str, list[tuple[str, str]]]:
    """Return id and name of lists, tags and currencies, by name."""
    found = read_together(
        MailingList.objects.filter(archived_at=None).values_list(Value("list"), as_text("pk"), "name"),
        Tag.objects.values_list(Value("tag"), as_text("pk"), "name"),
        OrderCurrency.objects.values_list(Value("currency"), as_text("pk"), as_text("code")),
    )
    for rows in found.values():
        rows.sort(key=lambda row: row[1].casefold())
    return found


def as_text(column: str) -> Cast:
    """Return a column as text, for `read_together`."""
    return Cast(column, TextField())


def read_together(*parts: QuerySet[Any, tuple[Any, ...]]) -> defaultdict[str, list[tuple[str, str]]]:
    """Read several tables by one query. Each part gives its own name, an id and a label; the order is lost."""
    found = defaultdict[str, list[tuple[str, str]]](list)
    for part, key, label in parts[0].union(*parts[1:], all=True):
        found[part].append((key, label))
    return found
