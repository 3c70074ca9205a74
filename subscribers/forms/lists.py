"""Making and changing a mailing list."""

from typing import Any

from django import forms

from ..models import MailingList, OptIn


class ListForm(forms.Form):
    """Name, description, visibility, and how a sign-up is confirmed."""

    name = forms.CharField(max_length=120, help_text="Subscribers see it when they leave or choose.")
    description = forms.CharField(
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What one gets, and how often.",
    )
    opt_in = forms.ChoiceField(
        label="Confirmation of a sign-up",
        choices=[
            (OptIn.DOUBLE.value, "Double opt-in: people confirm by a click in a mail (recommended)"),
            (
                OptIn.SINGLE.value,
                (
                    "Single opt-in: the form is enough. Anybody can then sign up somebody else; you cannot prove"
                    " that the address was theirs, and whoever left before must still confirm by a click."
                ),
            ),
        ],
        initial=OptIn.DOUBLE,
        widget=forms.RadioSelect,
    )
    is_public = forms.BooleanField(
        label="Public: anybody may see and choose this list on the hosted pages", required=False
    )

    @classmethod
    def of(cls, mailing_list: MailingList, data: Any = None) -> "ListForm":
        """Return the form of a list."""
        names = ("name", "description", "opt_in", "is_public")
        return cls(data, initial={name: getattr(mailing_list, name) for name in names})
