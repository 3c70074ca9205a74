"""Blocking and lifting by hand."""

from django import forms


class BlockForm(forms.Form):
    """An address or a whole domain, and why."""

    what = forms.CharField(
        label="Address or domain",
        max_length=260,
        help_text="ann@example.com blocks one address, example.com everybody there (not its subdomains).",
    )
    reason = forms.CharField(label="Why", max_length=200)


class LiftForm(forms.Form):
    """Why it is lifted."""

    because = forms.CharField(label="Why", max_length=200, help_text="Kept in the history and the audit log.")
