"""Saved segments: made, changed, archived. A segment is checked before it is saved; an empty one never is."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import Segment
from ..segments.rules import RuleError, parse_rules
from ..selectors import catalogue

__all__ = ["RuleError", "SegmentNameError", "archive", "create", "ensure_for_field", "update"]


class SegmentNameError(ValueError):
    """The name is empty or taken."""


def create(*, name: str, rules: dict[str, Any], description: str = "", actor: User | None = None) -> Segment:
    """Save a new segment. Raises RuleError for rules that are not whole, SegmentNameError for its name."""
    parse_rules(rules, catalogue.current())
    segment = Segment(name=_name(name), description=description.strip()[:500], rules=rules)
    _save(segment)
    audit.record(actor=actor, action="segment.created", obj=segment, detail={"name": segment.name})
    return segment


def update(
    *, segment: Segment, name: str, rules: dict[str, Any], description: str = "", actor: User | None = None
) -> Segment:
    """Change a segment. Campaigns that already run keep the people they froze."""
    parse_rules(rules, catalogue.current())
    segment.name, segment.rules, segment.description = _name(name), rules, description.strip()[:500]
    _save(segment)
    audit.record(actor=actor, action="segment.changed", obj=segment, detail={"name": segment.name})
    return segment


def archive(*, segment: Segment, actor: User | None = None) -> None:
    """Take a segment out of the lists of choices; what was sent to it stays as it is."""
    Segment.objects.filter(pk=segment.pk, archived_at=None).update(archived_at=clock.now())
    audit.record(actor=actor, action="segment.archived", obj=segment, detail={"name": segment.name})


def ensure_for_field(*, key: str, values: Sequence[str]) -> list[Segment]:
    """Return one segment per value of a field, “Segment: new_customers”; make those that are new.

    The words before the colon are the field's label. Used by imports whose file names a segment for each person.
    """
    subject = catalogue.current()[f"field.{key}"]
    made = []
    for value in values:
        rule = {"subject": subject.key, "operator": "equals", "value": value}
        segment, _ = Segment.objects.get_or_create(
            name=f"{subject.label.capitalize()}: {value}"[:120],
            defaults={"rules": {"match": "all", "rules": [rule]}, "description": "Made by an import."},
        )
        made.append(segment)
    return made


def _name(name: str) -> str:
    cleaned = " ".join(name.split())[:120]
    if not cleaned:
        raise SegmentNameError("Give the segment a name.")
    return cleaned


def _save(segment: Segment) -> None:
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError:
        raise SegmentNameError(f"There already is a segment “{segment.name}”.") from None
