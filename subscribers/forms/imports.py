"""The import wizard: the upload, what the columns mean, and the declaration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms

from ..importing.cells import as_text
from ..importing.columns import FIELD_PREFIX, Column, field_key
from ..importing.sniffing import ENCODINGS
from ..models import CustomField, FieldType, MailingList
from .permission import PermissionForm

TARGET_WORDS = {
    "email": "E-mail address",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
    "consent_basis": "Consent: basis",
    "consent_at": "Consent: date",
    "consent_source": "Consent: where",
    "consent_wording": "Consent: wording",
    "consent_reference": "Consent: order or contract",
    "opens": "Consent: measure opens",
    "clicks": "Consent: measure clicks",
}
DELIMITER_CHOICES = ((",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Bar"))
NEW = "new"


class UploadForm(forms.Form):
    """The file."""

    file = forms.FileField(
        label="File",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.json"}),
        help_text="CSV, TSV or JSON, with or without quotes, in any usual encoding. The first line names the columns.",
        error_messages={"empty": "The file is empty.", "required": "Choose a file."},
    )


class ReadingForm(forms.Form):
    """How the file is to be read, where the guess was wrong."""

    encoding = forms.ChoiceField(choices=[])
    delimiter = forms.ChoiceField(choices=DELIMITER_CHOICES, required=False)

    def __init__(self, *args: Any, mapping: Mapping[str, Any], **options: Any) -> None:
        """Offer the usual encodings and the one that was guessed."""
        guessed = mapping.get("encoding", "utf-8")
        options.setdefault("initial", {"encoding": guessed, "delimiter": mapping.get("delimiter", "")})
        super().__init__(*args, **options)
        choices = {guessed: ENCODINGS.get(guessed, guessed.upper()), **ENCODINGS}
        self.fields["encoding"].choices = list(choices.items())  # type: ignore[attr-defined]
        if not mapping.get("delimiter"):
            del self.fields["delimiter"]


class DeclarationForm(PermissionForm):
    """What is to happen with the people, and on what basis."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.none(), label="Put them on a list", required=False, empty_label="No list"
    )
    existing = forms.ChoiceField(
        label="People you have already",
        choices=(
            ("overwrite", "Overwrite their data with this file"),
            ("fill", "Fill in only what is empty"),
            ("skip", "Leave their data as it is"),
        ),
        initial="overwrite",
        widget=forms.RadioSelect,
        help_text="An empty cell changes nothing. List and consent below count for them in any case.",
    )
    segments = forms.BooleanField(
        label="Make a segment for each value of the columns of type “One of a list”", required=False
    )
    agreed = forms.BooleanField(
        label="I declare that these statements are true and that I can prove them",
        error_messages={"required": "Declare that the statements are true."},
    )

    def __init__(self, *args: Any, lists: Any, **options: Any) -> None:
        """Offer these lists."""
        super().__init__(*args, **options)
        self.fields["mailing_list"].queryset = lists  # type: ignore[attr-defined]

    def declared(self) -> list[forms.BoundField]:
        """Return the inputs of the declaration."""
        names = ("basis", "source", "occurred_on", "wording", "tracking_wording", "reference", "agreed")
        return [self[name] for name in names]

    def handling(self) -> list[forms.BoundField]:
        """Return the inputs about what happens with the people."""
        return [self[name] for name in ("mailing_list", "existing", "segments")]


@dataclass
class ColumnRow:
    """One column on the mapping page."""

    index: int
    name: str
    target: str
    type: str
    is_new: bool
    samples: list[str] = field(default_factory=list)


def column_rows(
    mapping: Mapping[str, Any], data: Mapping[str, Any] | None, known: set[str]
) -> list[ColumnRow]:
    """Return the columns as shown: from what was posted, else from the proposal."""
    rows = []
    for index, stored in enumerate(mapping["columns"]):
        target = data.get(f"target_{index}", "") if data else _shown(stored["target"], known)
        kind = data.get(f"type_{index}", "") if data else stored["type"]
        samples = [as_text(row[index]) for row in mapping["sample"] if index < len(row)]
        rows.append(
            ColumnRow(
                index, stored["name"], target, kind or "text", target == NEW, list(filter(None, samples))[:3]
            )
        )
    return rows


def _shown(target: str, known: set[str]) -> str:
    key = target.removeprefix(FIELD_PREFIX)
    return NEW if target.startswith(FIELD_PREFIX) and key not in known else target


def posted_columns(
    mapping: Mapping[str, Any], data: Mapping[str, Any], known: Mapping[str, CustomField]
) -> list[Column]:
    """Return the columns that a posted page describes; the service checks them."""
    columns = []
    for index, stored in enumerate(mapping["columns"]):
        name, target = stored["name"], data.get(f"target_{index}", "")
        if target == NEW:
            proposed = stored["target"].removeprefix(FIELD_PREFIX) if stored["target"] else ""
            key = proposed if stored["target"].startswith(FIELD_PREFIX) else field_key(name)
            columns.append(Column(name, FIELD_PREFIX + key, data.get(f"type_{index}", "")))
        elif target.startswith(FIELD_PREFIX):
            existing = known.get(target.removeprefix(FIELD_PREFIX))
            columns.append(Column(name, target, existing.type if existing else ""))
        else:
            columns.append(Column(name, target))
    return columns


def target_groups(fields: Sequence[CustomField]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the choices for a column, grouped."""
    own = [(FIELD_PREFIX + field.key, field.label) for field in fields]
    plain = [(key, words) for key, words in TARGET_WORDS.items() if not words.startswith("Consent")]
    consent = [(key, words) for key, words in TARGET_WORDS.items() if words.startswith("Consent")]
    groups = [("Person", plain), ("Your fields", own), ("Evidence", consent)]
    return [(label, choices) for label, choices in groups if choices]


TYPE_CHOICES = FieldType.choices
