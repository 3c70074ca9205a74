"""The words that describe people, changed and deleted: custom fields and tags.

The key of a field never changes, so that segments and templates that name it keep working; its label may. Deleting
takes the values from everybody, in chunks (`subscribers.bulk`).
"""

from collections.abc import Iterable
from typing import Final

from django.db import IntegrityError, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

from ..importing.values import READERS, ValueRefusedError
from ..models import BulkAction, BulkJob, CustomField, FieldType, Tag
from . import bulk, fields

MAX_CHOICES: Final = 500
CHOOSING: Final = frozenset({FieldType.CHOICE.value, FieldType.LIST.value})


class TagError(ValueError):
    """The tag cannot be made or renamed so; the message says why."""


def create_field(
    *, label: str, field_type: str, choices: Iterable[str] = (), default: str = "", actor: User | None
) -> CustomField:
    """Make a field whose key follows from its label. Raises `fields.FieldError`."""
    offered = _choices(field_type, choices)
    return fields.create_field(
        label=_label(label),
        field_type=field_type,
        choices=offered,
        default=_default(field_type, offered, default),
        actor=actor,
    )


@transaction.atomic
def update_field(
    *, field: CustomField, label: str, default: str = "", choices: Iterable[str] = (), actor: User | None
) -> CustomField:
    """Change what a field is called, what stands for it where it is unknown, and what can be chosen.

    People keep a value that is not offered any more. Raises `fields.FieldError`.
    """
    offered = _choices(field.type, choices)
    field.label, field.choices = _label(label), offered
    field.default = _default(field.type, offered, default)
    field.save(update_fields=["label", "choices", "default", "updated_at"])
    audit.record(actor=actor, action="field.changed", obj=field, detail={"key": field.key})
    return field


@transaction.atomic
def delete_field(*, field: CustomField, actor: User | None) -> BulkJob:
    """Delete a field and everybody's value of it. Segments that name it say so and choose nobody until mended."""
    target = {"key": field.key, "name": field.label, "slot": field.slot}
    audit.record(actor=actor, action="field.deleted", obj=field, detail={"key": field.key})
    field.delete()
    return bulk.start(action=BulkAction.FORGET_FIELD, selection=bulk.Selection(), target=target, actor=actor)


def _label(label: str) -> str:
    cleaned = " ".join(label.replace("\0", "").split())[:100]
    if not cleaned:
        raise fields.FieldError("Give the field a name.")
    return cleaned


def _choices(field_type: str, choices: Iterable[str]) -> list[str]:
    cleaned = list(dict.fromkeys(" ".join(choice.replace("\0", "").split())[:200] for choice in choices))
    offered = [choice for choice in cleaned if choice]
    if field_type not in CHOOSING:
        return []
    if not offered:
        raise fields.FieldError("Name at least one thing to choose, each on a line of its own.")
    if len(offered) > MAX_CHOICES:
        raise fields.FieldError(f"There can be at most {MAX_CHOICES} things to choose.")
    return offered


def _default(field_type: str, offered: list[str], default: str) -> str:
    cleaned = default.replace("\0", "").strip()[:200]
    if not cleaned:
        return ""
    if field_type == FieldType.CHOICE and cleaned not in offered:
        raise fields.FieldError("The default must be one of the things to choose.")
    try:
        READERS[field_type](cleaned)
    except ValueRefusedError as error:
        raise fields.FieldError(f"The default does not fit: {error}.") from None
    return cleaned


def create_tag(*, name: str, actor: User | None) -> Tag:
    """Make a tag. Raises TagError when the name is empty or taken."""
    tag = Tag(name=_tag_name(name))
    _save(tag)
    audit.record(actor=actor, action="tag.created", obj=tag, detail={"name": tag.name})
    return tag


def rename_tag(*, tag: Tag, name: str, actor: User | None) -> Tag:
    """Call a tag otherwise; people and segments keep it. Raises TagError when the name is empty or taken."""
    before, tag.name = tag.name, _tag_name(name)
    _save(tag)
    audit.record(actor=actor, action="tag.renamed", obj=tag, detail={"from": before, "to": tag.name})
    return tag


def delete_tag(*, tag: Tag, actor: User | None) -> BulkJob:
    """Take a tag from everybody and delete it, by a worker when it is on many."""
    return bulk.start(
        action=BulkAction.DELETE_TAG,
        selection=bulk.Selection(query=f"tag={tag.pk}"),
        target={"tag_id": tag.pk},
        actor=actor,
    )


def _tag_name(name: str) -> str:
    cleaned = " ".join(name.replace("\0", "").split())[:60]
    if not cleaned:
        raise TagError("Give the tag a name.")
    return cleaned


def _save(tag: Tag) -> None:
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError:
        raise TagError(f"There already is a tag “{tag.name}”.") from None
