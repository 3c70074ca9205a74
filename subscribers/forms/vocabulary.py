"""Making and changing custom fields and tags."""

from typing import Any

from django import forms

from ..models import CustomField, FieldType
from ..services.vocabulary import CHOOSING


class FieldForm(forms.Form):
    """A new field; of one that exists the type stays as it is."""

    label = forms.CharField(label="Name", max_length=100)
    field_type = forms.ChoiceField(label="What it holds", choices=FieldType.choices)
    choices = forms.CharField(
        label="What can be chosen",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One on each line. Only for fields of which one chooses.",
    )
    default = forms.CharField(
        max_length=200, required=False, help_text="Stands in a mail where the value is not known."
    )

    @classmethod
    def of(cls, field: CustomField, data: Any = None) -> "FieldForm":
        """Return the form of a field that exists."""
        initial = {"label": field.label, "default": field.default, "choices": "\n".join(field.choices)}
        form = cls(data, initial=initial)
        del form.fields["field_type"]
        if field.type not in CHOOSING:
            del form.fields["choices"]
        else:
            form.fields[
                "choices"
            ].help_text = "One on each line. People keep a value that is taken away here."
        return form

    def values(self) -> dict[str, Any]:
        """Return the cleaned values, the choices as a list."""
        return self.cleaned_data | {"choices": self.cleaned_data.get("choices", "").splitlines()}


class TagForm(forms.Form):
    """The name of a tag."""

    name = forms.CharField(label="Name", max_length=60)
