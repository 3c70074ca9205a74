"""People who were merged into others: who they are today."""

from collections.abc import Iterable
from uuid import UUID

from ..models import PersonMerge, Subscriber


def current_id(subscriber_id: int) -> int:
    """The number of a person today: their own, or that of whom they were merged into."""
    found = PersonMerge.objects.filter(old_id=subscriber_id).values_list("survivor_id", flat=True).first()
    return found or subscriber_id


def survivors(subscriber_ids: Iterable[int]) -> dict[int, int]:
    """Those of these people who were merged, and into whom."""
    found = PersonMerge.objects.filter(old_id__in=list(subscriber_ids))
    return dict(found.values_list("old_id", "survivor_id"))


def former(subscriber_id: int) -> list[PersonMerge]:
    """Everybody who was merged into this person, the first one first."""
    return list(PersonMerge.objects.filter(survivor_id=subscriber_id).order_by("merged_at", "old_id"))


def survivor_of(subject: UUID) -> Subscriber | None:
    """The person into whom this one was merged, if they were and that one still exists."""
    found = PersonMerge.objects.filter(old_subject=subject).first()
    return Subscriber.objects.filter(pk=found.survivor_id).first() if found else None
