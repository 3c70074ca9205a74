"""The form of a campaign that repeats."""

from typing import Any

from django import forms

from ..models import Campaign, Frequency, Series
from ..recurrence import Rule
from ..selectors.recurring import WEEKDAYS
from .campaigns import zone_names


class RepeatForm(forms.Form):
    """How often, on which days, and at what time of which place."""

    frequency = forms.ChoiceField(choices=Frequency.choices, widget=forms.RadioSelect, label="How often")
    weekdays = forms.TypedMultipleChoiceField(
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Every week on",
    )
    month_day = forms.IntegerField(
        min_value=1,
        max_value=31,
        required=False,
        label="Every month on day",
        help_text="Where a month is shorter, its last day.",
    )
    at = forms.TimeField(label="Time", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    zone = forms.ChoiceField(
        label="Time zone", choices=[], help_text="The clock there counts, in summer and in winter."
    )
    send_unchanged = forms.BooleanField(
        required=False,
        label="Send it also when nothing changed",
        help_text="Off: an edition is left out while template, texts and variables are those of the last one.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name.replace("_", " ")) for name in zone_names()]

    @staticmethod
    def initial_of(campaign: Campaign, series: Series | None) -> dict[str, Any]:
        """What the page shows at first: the rule, or every Monday at nine."""
        if series is None:
            zone = campaign.schedule_zone or "Europe/Berlin"
            return {
                "frequency": Frequency.WEEKLY,
                "weekdays": [0],
                "month_day": 1,
                "at": "09:00",
                "zone": zone,
            }
        names = ("frequency", "weekdays", "month_day", "at", "zone", "send_unchanged")
        return {name: getattr(series, name) for name in names}

    def clean(self) -> dict[str, Any]:
        """Weeks need days, months need a day."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("frequency") == Frequency.WEEKLY and not values.get("weekdays"):
            self.add_error("weekdays", "Choose at least one day.")
        is_monthly = values.get("frequency") == Frequency.MONTHLY
        if is_monthly and not values.get("month_day") and "month_day" not in self.errors:
            self.add_error("month_day", "Choose a day.")
        return values

    def rule(self) -> Rule:
        """The days and the time, as the service takes them."""
        values = self.cleaned_data
        return Rule(
            values["frequency"],
            values["at"],
            values["zone"],
            tuple(values["weekdays"]),
            values["month_day"] or 1,
        )
