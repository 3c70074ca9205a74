"""Forms of privacy requests."""

from typing import Any

from django import forms

from mailplatform.core import clock

from ..models import RightsKind, Subscriber


class NewCaseForm(forms.Form):
    """Who asks for what, and since when the deadline runs."""

    kind = forms.ChoiceField(
        label="What does the person ask for?", choices=RightsKind.choices, widget=forms.RadioSelect
    )
    email = forms.CharField(
        label="E-mail address", max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    received_on = forms.DateField(
        label="Received on",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The deadline is one month later. It may be extended once, by two.",
    )
    note = forms.CharField(
        required=False,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="How it reached you, and how you know who asks. Leave names and addresses out: this log stays.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with today."""
        super().__init__(*args, **options)
        self.fields["received_on"].initial = clock.now().date()


class CorrectionForm(forms.Form):
    """What can be corrected here."""

    name = forms.CharField(max_length=200, required=False)
    language = forms.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,5})?$",
        required=False,
        max_length=10,
        help_text="A code such as en, de or pt-BR.",
        error_messages={"invalid": "Enter a language code such as en or pt-BR."},
    )

    @classmethod
    def of(cls, person: Subscriber | None) -> "CorrectionForm":
        """Return the form filled with what is stored."""
        return cls(initial={"name": person.name, "language": person.language} if person else None)
