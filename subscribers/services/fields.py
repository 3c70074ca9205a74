"""Custom fields and tags: made, changed, and given their place in the profile."""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

from ..importing.columns import FIXED_TARGETS, field_key
from ..models import BulkAction, BulkJob, BulkState, CustomField, FieldType, Subscriber, Tag
from ..segments.catalogue import SLOTS
from . import profiles

MAX_FIELDS = 300
_REFRESH_STEP = 10_000


class FieldError(ValueError):
    """The field cannot be made or changed so; the message says why."""


def ensure_field(*, key: str, label: str, field_type: str, choices: Iterable[str] = ()) -> CustomField:
    """Return the custom field of this key; make it when it is new, add choices that it lacks.

    Raises FieldError when a field of this key has another type.
    """
    with transaction.atomic():
        field = CustomField.objects.select_for_update().filter(key=key).first()
        if field is None:
            return _create(key, label, field_type, choices)
        if field.type != field_type:
            raise FieldError(f"The field “{field.label}” already holds {field.get_type_display().lower()}.")
        _add_choices(field, choices)
    return field


def create_field(
    *, label: str, field_type: str, choices: Iterable[str] = (), default: str = "", actor: User | None
) -> CustomField:
    """Make a custom field whose key follows from its label. Raises FieldError when that key is taken."""
    key = field_key(label)
    if not key or key in FIXED_TARGETS:
        raise FieldError(f"“{label}” cannot be the name of a field.")
    with transaction.atomic():
        if CustomField.objects.filter(key=key).exists():
            raise FieldError(f"There already is a field “{key}”.")
        field = _create(key, label, field_type, choices, default)
        audit.record(actor=actor, action="field.created", obj=field, detail={"key": key})
    return field


def _create(key: str, label: str, field_type: str, choices: Iterable[str], default: str = "") -> CustomField:
    if CustomField.objects.count() >= MAX_FIELDS:
        raise FieldError(f"There can be at most {MAX_FIELDS} fields.")
    # One at a time: two new fields must not get the same slot.
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE subscribers_customfield IN SHARE ROW EXCLUSIVE MODE")
    if any(target.get("key") == key for target in _going()):
        raise FieldError(
            f"The values of a deleted field “{key}” are still being removed. Try again in a minute."
        )
    field = CustomField.objects.create(
        key=key,
        label=label[:100],
        type=field_type,
        choices=_cut(choices),
        default=default,
        slot=_free_slot(field_type),
    )
    if field.slot:
        _fill_slot(key)
    return field


def _going() -> list[dict[str, str]]:
    """Return the deleted fields whose values are not yet gone from everybody."""
    jobs = BulkJob.objects.filter(action=BulkAction.FORGET_FIELD, state=BulkState.RUNNING)
    return list(jobs.values_list("target", flat=True))


def _free_slot(field_type: str) -> str:
    taken = set(CustomField.objects.exclude(slot="").values_list("slot", flat=True))
    taken |= {str(target.get("slot")) for target in _going()}
    fitting = (slot for slot, types in SLOTS.items() if field_type in types and slot not in taken)
    return next(fitting, "")


def _fill_slot(key: str) -> None:
    """Copy values that people already have under this key (a field made anew after it was removed)."""
    people = Subscriber.objects.filter(fields__has_key=key).values_list("pk", flat=True)
    ids = list(people)
    for start in range(0, len(ids), _REFRESH_STEP):
        profiles.refresh(subscriber_ids=ids[start : start + _REFRESH_STEP])


def _add_choices(field: CustomField, choices: Iterable[str]) -> None:
    if field.type not in {FieldType.CHOICE, FieldType.LIST}:
        return
    added = [choice for choice in _cut(choices) if choice not in field.choices]
    if added:
        field.choices = [*field.choices, *added][:500]
        field.save(update_fields=["choices", "updated_at"])


def _cut(choices: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(choice[:200] for choice in choices))


def ensure_tags(*, names: Sequence[str]) -> dict[str, int]:
    """Return the ids of the tags of these names; make those that are new. Names are compared exactly."""
    wanted = sorted({name.strip() for name in names if name.strip()})
    Tag.objects.bulk_create([Tag(name=name) for name in wanted], ignore_conflicts=True)
    return dict(Tag.objects.filter(name__in=wanted).values_list("name", "pk"))
