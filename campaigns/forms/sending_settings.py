"""Forms of the page about sending."""

import re
from typing import Any, Final

from django import forms

from ..models.sending_settings import LONGEST_GRACE_S, LONGEST_LATE_MINUTES

LONGEST_PLAN_DAYS: Final = 120
MOST_A_DAY: Final = 2_000_000_000
# A common ladder for a new domain: slowly at first, then doubling about every two days.
SUGGESTED: Final = (
    200, 250, 400, 500, 800, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 16_000, 24_000, 32_000,
    48_000, 64_000, 96_000, 128_000,
)  # fmt: skip


class WarmUpForm(forms.Form):
    """From when, and how many recipients on each day."""

    warm_up_started_on = forms.DateField(
        label="First day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Days begin at midnight UTC. Without a first day nothing is limited.",
    )
    warm_up_plan = forms.CharField(
        label="Recipients per day",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "inputmode": "numeric", "spellcheck": "false"}),
        help_text="One number per day, separated by spaces, commas or line breaks. After the last day nothing is "
        "limited.",
    )

    def clean_warm_up_plan(self) -> list[int]:
        """The numbers; thousands may be grouped by nothing."""
        words = [word for word in re.split(r"[\s,;]+", self.cleaned_data["warm_up_plan"]) if word]
        if len(words) > LONGEST_PLAN_DAYS:
            raise forms.ValidationError(f"A plan has at most {LONGEST_PLAN_DAYS} days.")
        numbers = []
        for day, word in enumerate(words, start=1):
            if not re.fullmatch(r"[0-9]{1,10}", word) or not 1 <= int(word) <= MOST_A_DAY:
                raise forms.ValidationError(
                    f"Day {day}: “{word[:20]}” is no whole number of recipients. Write 12000, not 12.000."
                )
            numbers.append(int(word))
        return numbers

    def clean(self) -> dict[str, Any]:
        """A first day needs a plan."""
        data = super().clean() or {}
        if data.get("warm_up_started_on") and not data.get("warm_up_plan") and not self.errors:
            self.add_error(
                "warm_up_plan", "Give the number of recipients for each day, or take the first day away."
            )
        return data


class RulesForm(forms.Form):
    """Undo, lateness and what becomes of lost answers."""

    grace_seconds = forms.IntegerField(
        label="Seconds to undo",
        min_value=0,
        max_value=LONGEST_GRACE_S,
        help_text="So long a campaign waits after “Send”, and Undo takes everything back.",
    )
    late_start_minutes = forms.IntegerField(
        label="Start by itself at most so many minutes late",
        min_value=1,
        max_value=LONGEST_LATE_MINUTES,
        help_text="When the system was down at the planned time. A campaign that would start later asks first.",
    )
    approval_needed = forms.BooleanField(
        label="A second person approves each campaign before it is sent",
        required=False,
        help_text="Who approved it cannot send it, and every later change of content or audience takes the approval "
        "back. Two people who may send are needed.",
    )
    resend_by_itself = forms.BooleanField(
        label="Send again by itself when silence proves that a mail never left",
        required=False,
        help_text="Sometimes the answer of Amazon SES is lost, and nobody knows whether the mail was accepted. "
        "Off: those people are shown and you decide. On: they get the mail once more, but only when the events of "
        "at least 10,000 mails before and after are complete and none came for them. Even then a double cannot be "
        "ruled out altogether, because Amazon does not promise an event for every mail.",
    )


def _price(label: str, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=0, max_digits=10, decimal_places=4, help_text=help_text)


class PricesForm(forms.Form):
    """What Amazon charges, for the estimate on Review and the cost in the report."""

    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label="Currency",
        help_text="Three capital letters, such as USD or EUR.",
        error_messages={"invalid": "Write three capital letters, such as USD or EUR."},
    )
    price_per_thousand = _price("1,000 mails")
    price_per_gigabyte = _price("1 gigabyte of mail")
    price_of_options = _price(
        "Options, for 1,000 mails", "Such as the Virtual Deliverability Manager or managed dedicated IPs."
    )
    price_per_thousand_events = _price(
        "1,000 events",
        "What Amazon SNS and own metrics in CloudWatch cost; each mail has two events at least.",
    )
