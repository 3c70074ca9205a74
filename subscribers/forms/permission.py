"""The declaration on what basis people may be written to, as part of several forms."""

from datetime import UTC, datetime, time

from django import forms

from ..merging.statement import Statement

BASES = (
    ("consent", "They agreed (consent)"),
    ("soft_opt_in", "They bought from us: existing customers (ePrivacy Art. 13(2))"),
    ("contract", "A contract needs it: service mail only, no marketing"),
    ("legitimate_interest", "Our legitimate interest: service mail only, no marketing"),
    ("none", "No basis yet: store them, never mail them"),
)
# The two conditions of a soft opt-in, in the words of every form that asks for them.
SIMILAR = "It was stated that we would write about our own similar products"
OPT_OUT = "Everybody could refuse that, free and easily, when the address was collected"


class PermissionForm(forms.Form):
    """Basis, source, wording and date; all of it goes into the consent register."""

    basis = forms.ChoiceField(label="Why may you write to them?", choices=BASES, widget=forms.RadioSelect)
    source = forms.CharField(
        label="Where did they agree?",
        max_length=200,
        required=False,
        help_text="For example: form on www.example.com/newsletter, or: trade fair, paper form.",
    )
    occurred_on = forms.DateField(
        label="When?",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The day for everybody without a date of their own.",
    )
    wording = forms.CharField(
        label="The exact words they agreed to",
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    tracking_wording = forms.CharField(
        label="The words about measuring opens and clicks",
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Tracking needs a consent of its own. Leave empty when the words above say it.",
    )
    reference = forms.CharField(
        label="Order, contract or balancing test",
        required=False,
        max_length=200,
        help_text="Needed for existing customers, contracts and legitimate interest.",
    )

    similar = forms.BooleanField(
        label=SIMILAR, required=False, help_text="Needed for existing customers, as is the next."
    )
    opt_out = forms.BooleanField(label=OPT_OUT, required=False)

    def statement(self) -> Statement:
        """Return the declaration of a valid form."""
        data = self.cleaned_data
        day = data["occurred_on"]
        return Statement(
            basis=data["basis"],
            source=data["source"].strip(),
            wording=data["wording"].strip(),
            tracking_wording=data["tracking_wording"].strip(),
            reference=data["reference"].strip(),
            occurred_at=datetime.combine(day, time(), UTC) if day else None,
            similar=data["similar"],
            opt_out=data["opt_out"],
        )
