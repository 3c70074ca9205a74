"""What the pages of a sign-up show."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from subscribers import words
from subscribers.models import (
    ConsentNotice,
    CustomField,
    FieldType,
    OptIn,
    SignupForm,
    SignupRequest,
    SignupText,
)
from subscribers.services import owed_mails


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a form asks for, and what was typed into it."""

    key: str
    label: str
    kind: str
    value: str


_KINDS: dict[str, str] = {FieldType.NUMBER: "number", FieldType.DATE: "date"}


def form_of(public_id: UUID) -> SignupForm | None:
    """Return a form that is open: in use itself, and its list too."""
    found = SignupForm.objects.select_related("mailing_list").prefetch_related("texts")
    return found.filter(public_id=public_id, archived_at=None, mailing_list__archived_at=None).first()


def fields_of(form: SignupForm, typed: Mapping[str, str]) -> list[Field]:
    """Return the fields in the order in which the form names them; one that was removed since is left out."""
    known = {field.key: field for field in CustomField.objects.filter(key__in=form.field_keys)}
    return [
        Field(key, known[key].label, _KINDS.get(known[key].type, "text"), typed.get(f"field_{key}", ""))
        for key in form.field_keys
        if key in known
    ]


def shown(form: SignupForm, text: SignupText) -> str:
    """Return a fingerprint of all that can be ticked, in these words.

    It travels with the form: from a page that shows older words, such as a snippet that was not renewed, nobody's
    consent to the newer ones is taken.
    """
    parts = [text.wording]
    if form.ask_tracking:
        parts += [words.say(text.language, key) for key in ("opens_wording", "clicks_wording")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def other_languages(form: SignupForm, lang: str) -> list[tuple[str, str]]:
    """Return code and name of the other languages that a form speaks."""
    return [
        (text.language, words.LANGUAGES[text.language])
        for text in form.texts.all()
        if text.language != lang and text.language in words.LANGUAGES
    ]


def needs_click(form: SignupForm) -> bool:
    """Return whether the list asks for a click in a mail."""
    return form.mailing_list.opt_in == OptIn.DOUBLE


def is_slow() -> bool:
    """Return whether mail leaves us late just now."""
    return owed_mails.is_slow()


def wordings_of(row: SignupRequest) -> list[str]:
    """Return the words that were ticked."""
    notices = ConsentNotice.objects.in_bulk(list(row.agreed.values()))
    return [notices[digest].text for digest in row.agreed.values() if digest in notices]


def thanks_of(row: SignupRequest, lang: str) -> str:
    """Return the form's own words of thanks, if it has any in this language."""
    found = row.form.texts.filter(language=lang).values_list("thanks", flat=True).first()
    return found or ""


def all_forms() -> list[SignupForm]:
    """Return the forms in use with their list, and how many people wait and confirmed lately (one query)."""
    found = SignupForm.objects.filter(archived_at=None).select_related("mailing_list")
    return list(
        found.annotate(
            waiting=Count("requests", filter=Q(requests__confirmed_at=None)),
            confirmed=Count("requests", filter=Q(requests__confirmed_at__isnull=False)),
        ).order_by("name")
    )


def figures(form: SignupForm) -> dict[str, int]:
    """Return how many requests of the last two weeks wait, and how many were confirmed."""
    return form.requests.aggregate(
        waiting=Count("pk", filter=Q(confirmed_at=None)),
        confirmed=Count("pk", filter=Q(confirmed_at__isnull=False)),
    )
