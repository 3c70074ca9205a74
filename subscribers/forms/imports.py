"""The import wizard: the upload, what the columns mean, and the declaration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms

from ..importing.cells import as_text
from ..importing.columns import CONSENT_TARGETS, FIELD_PREFIX, Column, field_key
from ..importing.sniffing import ENCODINGS
from ..models import CustomField, FieldType, ImportKind, MailingList
from .permission import PermissionForm

TARGET_WORDS = {
    "email": "E-mail address",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
    "status": "Status: refuse who left",
    "consent_basis": "Consent: basis",
    "consent_at": "Consent: date",
    "consent_source": "Consent: where",
    "consent_wording": "Consent: wording",
    "consent_reference": "Consent: order or contract",
    "consent_ip": "Consent: IP address",
    "requested_at": "Sign-up: date",
    "requested_ip": "Sign-up: IP address",
    "opens": "Consent: measure opens",
    "clicks": "Consent: measure clicks",
}
DELIMITER_CHOICES = ((",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Bar"))
NEW = "new"


class UploadForm(forms.Form):
    """The file, or the name of one that lies in the storage."""

    kind = forms.ChoiceField(
        label="What is in the file?",
        choices=ImportKind.choices,
        initial=ImportKind.PEOPLE,
        required=False,
        widget=forms.RadioSelect,
    )
    file = forms.FileField(
        label="File",
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.json,.xlsx,.zip"}),
        help_text=(
            "CSV, TSV, JSON, an Excel workbook (.xlsx) or a ZIP of one of the first three, in any usual encoding. "
            "The first line names the columns."
        ),
        error_messages={"empty": "The file is empty."},
    )
    storage_key = forms.CharField(
        label="Or a file in the storage",
        required=False,
        max_length=500,
        help_text="Its key in the bucket, for example subscribers/subscribers.json.",
    )

    def clean(self) -> dict[str, Any]:
        """One of both, not none and not both."""
        data: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(data.get("file")) == bool(data.get("storage_key")):
            message = "Choose a file." if not data.get("file") else "Choose a file, or name one: not both."
            self.add_error("file", message)
        return data


class SuppressionForm(forms.Form):
    """Whom a file of people who must get no mail means, and why."""

    column = forms.TypedChoiceField(label="Column with the addresses, or their keyed hashes", coerce=int)
    reason_column = forms.TypedChoiceField(
        label="Column with the reason of each", coerce=int, required=False, empty_value=None
    )
    reason = forms.ChoiceField(
        label="Why must they get no mail?",
        choices=(
            ("unsubscribe", "They unsubscribed: only they themselves can come back"),
            ("complaint", "They complained: only they themselves can come back"),
            ("bounce", "Mail to them bounced"),
            ("manual", "We block them for another reason"),
        ),
        initial="unsubscribe",
        widget=forms.RadioSelect,
    )
    detail = forms.CharField(
        label="Note", max_length=200, required=False, help_text="Where this list comes from."
    )

    def __init__(self, *args: Any, mapping: Mapping[str, Any], **options: Any) -> None:
        """Offer the columns, the likeliest first chosen."""
        super().__init__(*args, **options)
        columns = [(index, column["name"]) for index, column in enumerate(mapping["columns"])]
        _offer(self, "column", columns)
        _offer(self, "reason_column", [("", "None"), *columns])
        self.fields["column"].initial = likely_addresses(mapping)
        named = [index for index, name in columns if field_key(name) == "reason"]
        self.fields["reason_column"].initial = named[0] if named else ""


def likely_addresses(mapping: Mapping[str, Any]) -> int:
    """Return the column that was matched as e-mail, or one that holds hashes of 64 digits, or the first."""
    for index, column in enumerate(mapping["columns"]):
        if column["target"] == "email":
            return index
    for row in mapping["sample"][:1]:
        for index, cell in enumerate(row):
            text = as_text(cell).strip().lower()
            if len(text) == 64 and set(text) <= set("0123456789abcdef"):
                return index
    return 0


class ReadingForm(forms.Form):
    """How the file is to be read, where the guess was wrong."""

    encoding = forms.ChoiceField(choices=[])
    delimiter = forms.ChoiceField(choices=DELIMITER_CHOICES, required=False)
    sheet = forms.ChoiceField(choices=[], required=False)

    def __init__(self, *args: Any, mapping: Mapping[str, Any], **options: Any) -> None:
        """Offer the usual encodings and the one that was guessed."""
        guessed = mapping.get("encoding", "utf-8")
        names = ("delimiter", "sheet")
        options.setdefault(
            "initial", {"encoding": guessed, **{name: mapping.get(name, "") for name in names}}
        )
        super().__init__(*args, **options)
        choices = {guessed: ENCODINGS.get(guessed, guessed.upper()), **ENCODINGS}
        _offer(self, "encoding", list(choices.items()))
        sheets = mapping.get("sheets", [])
        _offer(self, "sheet", [(name, name) for name in sheets])
        # A sheet of a workbook has neither an encoding nor a delimiter to choose.
        for name in ("encoding", "delimiter"):
            if sheets or not mapping.get(name):
                del self.fields[name]
        if not sheets:
            del self.fields["sheet"]

    def chosen(self) -> dict[str, str]:
        """Return what was chosen, as the service takes it."""
        return {name: self.cleaned_data.get(name) or "" for name in ("encoding", "delimiter", "sheet")}


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
        offered = self.fields["mailing_list"]
        assert isinstance(offered, forms.ModelChoiceField)
        offered.queryset = lists

    def declared(self) -> list[forms.BoundField]:
        """Return the inputs of the declaration."""
        names = (*PermissionForm.base_fields, "agreed")
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


def _offer(form: forms.Form, name: str, choices: Sequence[tuple[Any, str]]) -> None:
    offered = form.fields[name]
    assert isinstance(offered, forms.ChoiceField)
    offered.choices = choices


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
    plain = [(key, words) for key, words in TARGET_WORDS.items() if key not in CONSENT_TARGETS]
    consent = [(key, words) for key, words in TARGET_WORDS.items() if key in CONSENT_TARGETS]
    groups = [("Person", plain), ("Your fields", own), ("Evidence", consent)]
    return [(label, choices) for label, choices in groups if choices]


TYPE_CHOICES = FieldType.choices
