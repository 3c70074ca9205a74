"""Forms of the pages about events: the policy on bounces and complaints, webhooks, reports by mail."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from campaigns.models import Template
from mailplatform.accounts.models import User
from subscribers.models import CustomField, MailingList
from subscribers.words import LANGUAGES

from .models import Policy, ReportPlan, WebhookEndpoint, WebhookType
from .services.report_mails import MOMENTS

_RATES = ("bounce_rate", "complaint_rate", "rendering_rate")


def _offer(form: forms.Form, name: str, found: "QuerySet[Any]") -> None:
    """Let a field choose among these rows."""
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = found


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


class SunsetForm(forms.Form):
    """When somebody counts as inactive, and what follows."""

    sunset_is_on = forms.BooleanField(
        label="Look for people who stopped reading",
        required=False,
        help_text="Once a day. Alone it keeps nothing back: it fills a segment.",
    )
    sunset_months = forms.IntegerField(
        label="After so many months without an open or click", min_value=3, max_value=60
    )
    sunset_mails = forms.IntegerField(
        label="and at least so many mails in that time",
        min_value=3,
        max_value=1_000,
        help_text="Only mails that arrived and that the person let us count.",
    )
    sunset_stops = forms.BooleanField(
        label="Keep marketing mail back from those who were asked and did not answer",
        required=False,
        help_text="Contract and service mail still goes out. Whoever reacts to any mail gets marketing mail again.",
    )
    sunset_answer_days = forms.IntegerField(label="Days to answer", min_value=7, max_value=365)

    @classmethod
    def of(cls, policy: Policy, data: Any = None) -> "SunsetForm":
        """Return the form of a policy."""
        return cls(data, initial={name: getattr(policy, name) for name in cls.base_fields})


class TakeOffForm(forms.Form):
    """An address to take off Amazon's list, and why."""

    email = forms.CharField(max_length=320, widget=forms.HiddenInput)
    because = forms.CharField(label="Why", max_length=200, help_text="Kept in the history and the audit log.")


class ReleaseForm(forms.Form):
    """Why everybody who is kept back gets mail again."""

    because = forms.CharField(label="Why", max_length=200, help_text="Kept in the history and the audit log.")


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


class SignupSettingsForm(forms.Form):
    """What a sign-up form asks for, and where it leads."""

    name = forms.CharField(max_length=120, help_text="For you; readers do not see it.")
    ask_name = forms.BooleanField(label="Ask for the name", required=False)
    field_keys = forms.MultipleChoiceField(
        label="Ask for these fields", required=False, widget=forms.CheckboxSelectMultiple
    )
    ask_tracking = forms.BooleanField(
        label="Ask whether opens and clicks may be recorded",
        required=False,
        help_text="Two boxes apart from the sign-up, not ticked; whoever leaves them empty is not tracked.",
    )
    redirect_url = forms.URLField(
        label="Your own thank-you page",
        required=False,
        assume_scheme="https",
        help_text="Where people go after they confirmed. Empty: our page thanks them.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the fields that exist."""
        super().__init__(*args, **kwargs)
        found = CustomField.objects.order_by("label").values_list("key", "label")
        if found:
            field = self.fields["field_keys"]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = list(found)
        else:
            del self.fields["field_keys"]


class NewSignupForm(SignupSettingsForm):
    """A new form: also its list and its first language."""

    field_order = ("mailing_list", "name", "language")
    mailing_list = forms.ModelChoiceField(
        label="List", queryset=MailingList.objects.none(), empty_label="Choose a list"
    )
    language = forms.ChoiceField(
        label="First language",
        choices=list(LANGUAGES.items()),
        help_text="You can add the others afterwards. Each begins with words that you may change.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the lists in use."""
        super().__init__(*args, **kwargs)
        _offer(self, "mailing_list", MailingList.objects.filter(archived_at=None))


class ReportPlanForm(forms.Form):
    """When reports are sent, and to whom."""

    hours = forms.TypedMultipleChoiceField(
        label="When, after the last mail has left",
        choices=list(MOMENTS.items()),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    people = forms.ModelMultipleChoiceField(
        label="To whom",
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer everybody who works here."""
        super().__init__(*args, **kwargs)
        _offer(self, "people", User.objects.filter(is_active=True).order_by("email"))

    @staticmethod
    def initial_of(plan: ReportPlan | None) -> dict[str, Any]:
        """Return what the form shows first."""
        return {"hours": plan.hours, "people": list(plan.people.all())} if plan else {}


class SignupWordsForm(forms.Form):
    """What a sign-up form says in one language."""

    title = forms.CharField(max_length=120)
    text = forms.CharField(
        label="Text above the form", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    wording = forms.CharField(
        label="What people agree to",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who writes, about what, how often, and that one can leave. The register keeps each version.",
    )
    thanks = forms.CharField(
        label="Thanks after confirming",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class SignupWelcomeForm(forms.Form):
    """Which template greets who confirmed."""

    template = forms.ModelChoiceField(
        label="Welcome mail",
        queryset=Template.objects.none(),
        required=False,
        empty_label="No welcome mail",
        help_text="Sent once to each person, as a campaign of its own with its own report.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the templates in use."""
        super().__init__(*args, **kwargs)
        offered = Template.objects.filter(archived_at=None, variant_of=None)
        _offer(self, "template", offered.only("name", "archived_at"))
