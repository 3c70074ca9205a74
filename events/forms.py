"""Forms of the pages about events: the policy on bounces and complaints, the endpoints of webhooks."""

from typing import Any

from django import forms

from .models import Policy, WebhookEndpoint, WebhookType

_RATES = ("bounce_rate", "complaint_rate", "rendering_rate")


class PolicyForm(forms.Form):
    """The limits, rates in per cent."""

    bounce_rate = forms.FloatField(
        label="Bounces, % of the mails",
        min_value=0.1,
        max_value=100,
        help_text="Amazon reviews accounts from 5 %.",
    )
    bounces = forms.IntegerField(label="and at least so many bounces", min_value=1, max_value=1_000_000)
    complaint_rate = forms.FloatField(
        label="Complaints, % of the people",
        min_value=0.01,
        max_value=100,
        help_text="Amazon reviews accounts from 0.1 %.",
    )
    complaints = forms.IntegerField(label="and at least so many complaints", min_value=1, max_value=1_000_000)
    accepted = forms.IntegerField(
        label="Both count after so many mails",
        min_value=1,
        max_value=1_000_000,
        help_text="One bounce of thirteen says nothing.",
    )
    rendering_rate = forms.FloatField(
        label="Mails that could not be rendered, %", min_value=0.1, max_value=100
    )
    rendering_failures = forms.IntegerField(label="and at least so many", min_value=1, max_value=1_000_000)
    soft_bounces_count = forms.BooleanField(
        label="Stop marketing mail to addresses that bounce again and again", required=False
    )
    soft_bounces = forms.IntegerField(
        label="After so many mails that bounced in a row", min_value=2, max_value=50
    )
    soft_bounce_days = forms.IntegerField(label="within so many days", min_value=1, max_value=365)

    @classmethod
    def of(cls, policy: Policy, data: Any = None) -> "PolicyForm":
        """Return the form of a policy."""
        initial = {name: getattr(policy, name) for name in cls.base_fields}
        return cls(data, initial=initial | {name: round(100 * initial[name], 3) for name in _RATES})

    def changes(self) -> dict[str, Any]:
        """Return the valid values as the service takes them."""
        values = dict(self.cleaned_data)
        return values | {name: round(values[name] / 100, 6) for name in _RATES}


class WebhookForm(forms.Form):
    """An endpoint."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Begins with https:// and is reachable from the internet.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(label="What it is for", max_length=200, required=False)
    types = forms.MultipleChoiceField(
        label="Messages",
        choices=WebhookType.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one type of message."},
    )
    is_active = forms.BooleanField(label="Switched on", required=False, initial=True)

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, data: Any = None) -> "WebhookForm":
        """Return the form of an endpoint."""
        names = ("url", "description", "types", "is_active")
        return cls(data, initial={name: getattr(endpoint, name) for name in names})
