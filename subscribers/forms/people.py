"""Adding and changing one person by hand."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import available_timezones

from django import forms

from ..models import CustomField, FieldType, MailingList, Subscriber
from ..services import subscribers as service
from .permission import PermissionForm

_PREFIX = "field_"


class PersonForm(forms.Form):
    """What we know of a person; one input per custom field."""

    name = forms.CharField(max_length=200, required=False)
    language = forms.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,5})?$",
        required=False,
        max_length=10,
        help_text="A code such as en, de or pt-BR.",
        error_messages={"invalid": "Enter a language code such as en or pt-BR."},
    )
    time_zone = forms.CharField(
        required=False,
        max_length=64,
        label="Time zone",
        help_text="A name such as Europe/Berlin; for mail at the person's own local time.",
    )
    tags = forms.CharField(required=False, max_length=1_000, help_text="Separate several with commas.")
    lists = forms.ModelMultipleChoiceField(
        MailingList.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(
        self,
        *args: Any,
        lists: Any,
        custom: Sequence[CustomField],
        subscriber: Subscriber | None = None,
        **options: Any,
    ) -> None:
        """Build the inputs; fill them from the person, if there is one."""
        super().__init__(*args, **options)
        field = self.fields["lists"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = lists
        if not lists:
            del self.fields["lists"]
        for each in custom:
            self.fields[_PREFIX + each.key] = _input(each)
            if subscriber is not None:
                self.initial[_PREFIX + each.key] = _shown(subscriber.fields.get(each.key))

    def clean_time_zone(self) -> str:
        """Return a zone that exists, or nothing."""
        zone: str = self.cleaned_data["time_zone"].strip().replace(" ", "_")
        if zone and zone not in available_timezones():
            raise forms.ValidationError(
                "There is no time zone of this name. Write for example Europe/Berlin."
            )
        return zone

    def values(self) -> dict[str, Any]:
        """Return the custom values as typed, by key."""
        return {
            name.removeprefix(_PREFIX): value
            for name, value in self.cleaned_data.items()
            if name.startswith(_PREFIX)
        }

    def details(self) -> dict[str, Any]:
        """Return the arguments that the services for adding and changing share."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "language": data["language"].lower(),
            "time_zone": data["time_zone"],
            "values": self.values(),
            "tags": [tag.strip() for tag in data["tags"].split(",") if tag.strip()],
            "list_ids": [item.pk for item in data.get("lists", ())],
        }

    def refuse(self, error: service.SubscriberError) -> None:
        """Show an error of the service at the input it belongs to."""
        self.add_error(error.field if error.field in self.fields else None, str(error))


class NewPersonForm(PersonForm, PermissionForm):
    """A new person: address, data, and the evidence."""

    email = forms.CharField(
        label="E-mail address",
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )
    opens = forms.BooleanField(label="They agreed that opens are measured", required=False)
    clicks = forms.BooleanField(label="They agreed that clicks are measured", required=False)

    person_fields = ("email", "name", "language", "time_zone", "tags", "lists")
    permission_fields = (
        "basis",
        "source",
        "occurred_on",
        "wording",
        "opens",
        "clicks",
        "tracking_wording",
        "reference",
        "similar",
        "opt_out",
    )

    def person(self) -> list[forms.BoundField]:
        """Return the inputs about the person."""
        return [bound for bound in self if bound.name not in self.permission_fields]

    def evidence(self) -> list[forms.BoundField]:
        """Return the inputs about the basis."""
        return [self[name] for name in self.permission_fields]

    def permission(self) -> service.Permission:
        """Return the evidence of a valid form."""
        return service.Permission(self.statement(), self.cleaned_data["opens"], self.cleaned_data["clicks"])


class BasisForm(PermissionForm):
    """Evidence for somebody who is known already."""

    opens = forms.BooleanField(label="They agreed that opens are measured", required=False)
    clicks = forms.BooleanField(label="They agreed that clicks are measured", required=False)
    field_order = NewPersonForm.permission_fields

    def permission(self) -> service.Permission:
        """Return the evidence of a valid form."""
        return service.Permission(self.statement(), self.cleaned_data["opens"], self.cleaned_data["clicks"])


def _input(field: CustomField) -> forms.Field:
    label, empty = field.label, [("", "Not known")]
    if field.type == FieldType.BOOLEAN:
        return forms.ChoiceField(label=label, required=False, choices=[*empty, ("yes", "Yes"), ("no", "No")])
    if field.type == FieldType.CHOICE and field.choices:
        return forms.ChoiceField(
            label=label, required=False, choices=[*empty, *((choice, choice) for choice in field.choices)]
        )
    if field.type == FieldType.DATE:
        return forms.CharField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))
    hint = "Separate several with a semicolon." if field.type == FieldType.LIST else ""
    return forms.CharField(label=label, required=False, max_length=5_000, help_text=hint)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)
