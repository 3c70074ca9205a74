"""Custom fields and tags with what uses them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from ..models import BulkAction, BulkJob, BulkState, CustomField, Segment, Tag
from . import segments


@dataclass(frozen=True)
class FieldRow:
    """A field and the segments that name it."""

    field: CustomField
    segments: list[Segment]


@dataclass(frozen=True)
class TagRow:
    """A tag, how many people have it, and the segments that name it."""

    tag: Tag
    people: int
    segments: list[Segment]
    is_going: bool


def field_rows() -> list[FieldRow]:
    """Return all fields by label (two queries)."""
    used = _by_subject()
    return [FieldRow(field, used.get(f"field.{field.key}", [])) for field in CustomField.objects.all()]


def tag_rows() -> list[TagRow]:
    """Return all tags by name (three queries)."""
    used, going = _by_tag(), set(_going())
    counted = Tag.objects.annotate(people=Count("subscribers"))
    return [TagRow(tag, tag.people, used.get(tag.pk, []), tag.pk in going) for tag in counted]


def segments_with_field(key: str) -> list[Segment]:
    """Return the segments in use that name a field."""
    return _by_subject().get(f"field.{key}", [])


def segments_with_tag(tag_id: int) -> list[Segment]:
    """Return the segments in use that name a tag."""
    return _by_tag().get(tag_id, [])


def _going() -> Iterator[int]:
    jobs = BulkJob.objects.filter(action=BulkAction.DELETE_TAG, state=BulkState.RUNNING)
    return (job.target.get("tag_id", 0) for job in jobs)


def _by_subject() -> dict[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in segments.live():
        for key in {str(rule.get("subject")) for rule in _rules(segment.rules)}:
            found.setdefault(key, []).append(segment)
    return found


def _by_tag() -> dict[int, list[Segment]]:
    found: dict[int, list[Segment]] = {}
    for segment in segments.live():
        rules = (rule for rule in _rules(segment.rules) if rule.get("subject") == "tag")
        for key in {
            int(value) for rule in rules for value in rule.get("value") or () if str(value).isdecimal()
        }:
            found.setdefault(key, []).append(segment)
    return found


def _rules(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "rules" not in node:
        yield node
    for inner in node.get("rules", ()):
        yield from _rules(inner)
