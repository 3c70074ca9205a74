"""Forms of the Amazon account: what is chosen for it, and the confirmation before everything goes.

What Amazon would refuse is told by the code that `manage.py provision` asks, at the field that it is about.
"""

from typing import Any
from uuid import UUID

from django import forms

from campaigns.models import Campaign, CampaignState
from mailplatform.aws.provision.wanted import PARTS, Schedule, Wanted

from .services import account_choices

OFFERED = 200
_PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class ChoicesForm(forms.Form):
    """Everything that an operator chooses but the schedules."""

    identities = forms.CharField(
        label="Sends from",
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, **_PLAIN}),
        help_text="Domains, or single addresses, one per line. Empty: the domain of the default sender.",
    )
    operations_address = forms.CharField(
        label="Alarms go to",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs=_PLAIN),
        help_text="Amazon first asks this address, by mail, whether it wants them.",
    )
    tracking_domain = forms.CharField(
        label="Tracking domain",
        required=False,
        max_length=253,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="A subdomain of a sending domain, for opens and clicks that Amazon SES counts. "
        "Not needed where this site counts.",
    )
    ip_pool = forms.CharField(
        label="Dedicated addresses",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="Name of a pool that Amazon manages. About $15 a month and a price per mail.",
    )
    tenant = forms.CharField(
        label="Tenant",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="Name of a tenant of SES, with a reputation of its own. Every sender's identity must stand above.",
    )
    without = forms.MultipleChoiceField(
        label="Leave out",
        required=False,
        choices=[(name, f"{name.capitalize()}: {what}") for name, what in PARTS.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    @classmethod
    def of(cls, want: Wanted, data: Any = None) -> "ChoicesForm":
        """Return the form of what is chosen."""
        initial = {name: getattr(want, name) for name in cls.base_fields}
        return cls(data, initial=initial | {"identities": "\n".join(want.identities)})

    def clean(self) -> dict[str, Any]:
        """Name what Amazon would refuse, each at its field."""
        for problem in account_choices.problems({**self.choices(), "schedules": ()}):
            self.add_error(problem.field if problem.field in self.fields else None, str(problem))
        return self.cleaned_data

    def choices(self) -> dict[str, Any]:
        """Return the values as the service takes them."""
        found = dict(self.cleaned_data)
        if "identities" in found:
            lines = (line.strip() for line in found["identities"].replace(",", "\n").splitlines())
            found["identities"] = tuple(dict.fromkeys(filter(None, lines)))
        if "without" in found:
            found["without"] = frozenset(found["without"])
        return found


class ScheduleForm(forms.Form):
    """One rule: its name, when it acts, and the draft that it starts copies of or the event that it raises."""

    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="Up to 20 letters, digits and hyphens.",
    )
    expression = forms.CharField(
        label="When, in UTC",
        max_length=256,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="As <code>rate(7 days)</code>, or <code>cron(0 7 ? * MON *)</code>: Mondays at 7.",
    )
    campaign = forms.ChoiceField(label="Start copies of", required=False)
    event = forms.CharField(
        label="Or raise the event",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN),
        help_text="Webhooks tell it.",
    )

    def __init__(self, *args: Any, drafts: list[tuple[str, str]], **kwargs: Any) -> None:
        """Offer drafts; one that was chosen and is none any more stays as it is."""
        super().__init__(*args, **kwargs)
        field = self.fields["campaign"]
        assert isinstance(field, forms.ChoiceField)
        chosen = str(self.initial.get("campaign") or "")
        gone = [] if chosen in dict(drafts) or not chosen else [(chosen, f"{chosen} (no draft any more)")]
        field.choices = [("", "No campaign"), *drafts, *gone]

    def clean(self) -> dict[str, Any]:
        """Name what EventBridge or our endpoint would refuse."""
        if self.has_changed() or not self.empty_permitted:
            for problem in self.schedule().problems():
                if problem.field not in self.errors:
                    self.add_error(problem.field, str(problem))
        return self.cleaned_data

    def schedule(self) -> Schedule:
        """Return what was entered."""
        names = ("name", "expression", "campaign", "event")
        return Schedule(**{name: self.cleaned_data.get(name, "") for name in names})


class ScheduleRows(forms.BaseFormSet[ScheduleForm]):
    """All schedules, and one empty row more."""

    def schedules(self) -> tuple[Schedule, ...]:
        """Return those that are to be."""
        kept = [form for form in self.forms if form not in self.deleted_forms]
        return tuple(form.schedule() for form in kept if form.cleaned_data)

    def add_fields(self, form: ScheduleForm, index: int | None) -> None:
        """Name the box for what it does; an empty row has none."""
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Remove this schedule"


_Rows = forms.formset_factory(
    ScheduleForm, formset=ScheduleRows, extra=1, can_delete=True, can_delete_extra=False, max_num=50
)


def schedule_rows(want: Wanted, data: Any = None) -> ScheduleRows:
    """Return the rows of what is chosen."""
    initial = [
        {"name": item.name, "expression": item.expression, "campaign": item.campaign, "event": item.event}
        for item in want.schedules
    ]
    drafts = _drafts([item.campaign for item in want.schedules if item.campaign])
    rows = _Rows(data, initial=initial, prefix="schedules", form_kwargs={"drafts": drafts})
    assert isinstance(rows, ScheduleRows)
    return rows


class RemoveForm(forms.Form):
    """The prefix of all names, typed before everything under it goes."""

    typed = forms.CharField()

    def __init__(self, data: Any = None, *, prefix_of_names: str, refused: str = "") -> None:
        """Ask for the prefix by its name; `refused` says why what was typed is not enough."""
        super().__init__(data)
        field = self.fields["typed"]
        field.label = f"Type “{prefix_of_names}” to confirm"
        field.widget.attrs |= {**_PLAIN, "data-unlocks": "remove-go", "data-unlock-text": prefix_of_names}
        if refused:
            # It stands at the end of a long list.
            field.widget.attrs["autofocus"] = True
            field.error_messages["required"] = refused
            if not self.errors:
                self.add_error("typed", refused)


def _drafts(chosen: list[str]) -> list[tuple[str, str]]:
    """Return the newest drafts by id and name, and those that are chosen."""
    drafts = Campaign.objects.filter(state=CampaignState.DRAFT, archived_at=None)
    newest = drafts.order_by("-pk").values_list("public_id", "name")[:OFFERED]
    ours = drafts.filter(public_id__in=[item for item in chosen if _is_id(item)])
    found: dict[UUID, str] = dict(newest) | dict(ours.values_list("public_id", "name"))
    return [(str(public_id), name) for public_id, name in found.items()]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
