"""Forms of the campaign's steps."""

import datetime as dt
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.db.models import QuerySet

from subscribers.models import MailingList, Segment
from subscribers.selectors import segments

from .. import languages, utm
from ..models import Campaign, CampaignKind, Sender, Template
from ..selectors import campaigns as selectors
from ..selectors import templates as template_selectors
from ..services import campaigns

VARIABLE_PREFIX: Final = "variable:"


def _offer(field: forms.Field, rows: QuerySet[Any], *, names: QuerySet[Any] | None = None) -> None:
    """Let a field choose among rows, which are read when they are first shown, and once for all that share them.

    `names` are the same rows with nothing but what they are called by.
    """
    assert isinstance(field, forms.ModelChoiceField)
    shown = rows if names is None else names
    nothing = [] if field.empty_label is None else [("", field.empty_label)]
    field.queryset = rows
    field.choices = lambda: [*nothing, *((row.pk, str(row)) for row in shown)]


class NewCampaignForm(forms.Form):
    """Only a name: everything else has its step."""

    name = forms.CharField(max_length=120, label="Name", help_text="Only you see it.")


class FilingForm(forms.Form):
    """What a campaign is called and filed under, and whether anybody may read it; open in every state."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=120, label="Name", help_text="Only you see it.")
    tags = forms.CharField(
        max_length=500,
        required=False,
        label="Tags",
        help_text="Separated by commas, such as newsletter, shop.",
    )
    in_archive = forms.BooleanField(
        required=False,
        label="Show it in the public archive once it is sent",
        help_text="Anybody may read a copy without names or personal links there.",
    )

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """What the form shows at first."""
        tags = ", ".join(campaign.tags)
        names = ("revision", "name", "in_archive")
        return {**{name: getattr(campaign, name) for name in names}, "tags": tags}

    def clean_tags(self) -> list[str]:
        """Return the tags as campaigns hold them."""
        try:
            return campaigns.clean_tags(self.cleaned_data["tags"].split(","))
        except campaigns.InvalidTags as error:
            raise forms.ValidationError(str(error)) from error


class StepForm(forms.Form):
    """What all steps share: the revision that the page was made from."""

    revision = forms.IntegerField(widget=forms.HiddenInput)


class ToForm(StepForm):
    """Who gets it."""

    kind = forms.ChoiceField(choices=CampaignKind.choices, widget=forms.RadioSelect, label="Kind of mail")
    lists = forms.ModelMultipleChoiceField(
        MailingList.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="Lists"
    )
    segments = forms.ModelMultipleChoiceField(
        Segment.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="Segments"
    )
    excluded_lists = forms.ModelMultipleChoiceField(
        MailingList.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="But not these lists",
    )
    excluded_segments = forms.ModelMultipleChoiceField(
        Segment.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="But not these segments",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known_lists = MailingList.objects.filter(archived_at=None)
        self.known_segments = segments.live()
        _offer(self.fields["lists"], self.known_lists)
        _offer(self.fields["excluded_lists"], self.known_lists)
        _offer(self.fields["segments"], self.known_segments)
        _offer(self.fields["excluded_segments"], self.known_segments)

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """What the step shows at first."""
        spec = selectors.audience_spec(campaign)
        return {
            "revision": campaign.revision,
            "kind": campaign.kind,
            "lists": spec.list_ids,
            "segments": spec.segment_ids,
            "excluded_lists": spec.excluded_list_ids,
            "excluded_segments": spec.excluded_segment_ids,
        }

    def changes(self) -> dict[str, Any]:
        """What the service saves."""
        names = ("kind", "lists", "segments", "excluded_lists", "excluded_segments")
        return {name: self.cleaned_data[name] for name in names}


class FromForm(StepForm):
    """Who sends it, and what the inbox shows."""

    sender = forms.ModelChoiceField(Sender.objects.all(), required=False, empty_label=None, label="Sender")
    subject = forms.CharField(
        max_length=250,
        required=False,
        label="Subject",
        help_text="Empty: the subject of the template.",
        widget=forms.TextInput(attrs={"data-count": "78"}),
    )
    preheader = forms.CharField(
        max_length=250,
        required=False,
        label="Preheader",
        help_text="The line after the subject. Empty: the template's.",
        widget=forms.TextInput(attrs={"data-count": "110"}),
    )
    track_opens = forms.BooleanField(required=False, label="Count opens of people who agreed to it")
    track_clicks = forms.BooleanField(required=False, label="Count clicks of people who agreed to it")

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """What the step shows at first."""
        names = ("revision", "sender", "subject", "preheader", "track_opens", "track_clicks")
        return {name: getattr(campaign, name) for name in names}

    def changes(self) -> dict[str, Any]:
        """What the service saves."""
        names = ("sender", "subject", "preheader", "track_opens", "track_clicks")
        return {name: self.cleaned_data[name] for name in names}


class NewSenderForm(forms.Form):
    """Another sender."""

    name = forms.CharField(max_length=100, required=False, label="Name", help_text="As the inbox shows it.")
    address = forms.EmailField(label="Address")
    reply_to = forms.EmailField(required=False, label="Replies go to")


class ContentForm(StepForm):
    """What it says. Values of variables come as fields named `variable:<name>`."""

    template = forms.ModelChoiceField(
        Template.objects.none(), required=False, label="Template", empty_label="Choose a template"
    )
    utm_source = forms.CharField(
        max_length=utm.LONGEST,
        required=False,
        label="Source",
        help_text="Who sent the visitor, such as newsletter. Empty: links stay as they are.",
    )
    utm_medium = forms.CharField(
        max_length=utm.LONGEST, required=False, label="Medium", help_text=f"Empty: {utm.MEDIUM}."
    )
    utm_campaign = forms.CharField(
        max_length=utm.LONGEST, required=False, label="Campaign", help_text="Empty: this campaign's name."
    )
    utm_content = forms.CharField(max_length=utm.LONGEST, required=False, label="Content")
    utm_term = forms.CharField(max_length=utm.LONGEST, required=False, label="Term")

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = Template.objects.filter(archived_at=None, variant_of=None)
        if campaign.template_id:
            found = found | Template.objects.filter(pk=campaign.template_id)
        _offer(self.fields["template"], found, names=found.only("name"))

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """What the step shows at first."""
        links = {f"utm_{name}": campaign.utm.get(name, "") for name in utm.NAMES}
        return {"revision": campaign.revision, "template": campaign.template_id, **links}

    def links(self) -> list[forms.BoundField]:
        """The fields of the parameters of links."""
        return [self[f"utm_{name}"] for name in utm.NAMES]

    def clean(self) -> dict[str, Any]:
        """Parameters need a source: analytics files what has none under "unassigned"."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        others = [name for name in utm.NAMES if name != "source" and values.get(f"utm_{name}")]
        if others and not values.get("utm_source") and "utm_source" not in self.errors:
            self.add_error("utm_source", "Give the source as well, or empty the other fields.")
        return values

    def changes(self) -> dict[str, Any]:
        """What the service saves."""
        template: Template | None = self.cleaned_data["template"]
        names = template_selectors.campaign_names(template.defaults) if template else []
        typed = {name: self.data.get(VARIABLE_PREFIX + name, "").strip() for name in names}
        links = {name: self.cleaned_data[f"utm_{name}"] for name in utm.NAMES}
        return {
            "template": template,
            "variables": {k: v for k, v in typed.items() if v},
            "utm": {name: value for name, value in links.items() if value},
        }


class LanguageForm(forms.Form):
    """Another template for people of one language."""

    language = forms.CharField(max_length=10, label="Language", help_text="A code such as de or pt-br.")
    template = forms.ModelChoiceField(
        Template.objects.none(), label="Template", empty_label="Choose a template"
    )
    subject = forms.CharField(
        max_length=250, required=False, label="Subject", help_text="Empty: the subject of the template."
    )
    preheader = forms.CharField(max_length=250, required=False, label="Preheader")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = Template.objects.filter(archived_at=None)
        _offer(self.fields["template"], found, names=found.only("name"))

    def clean_language(self) -> str:
        """Return the code as campaigns hold it."""
        try:
            return languages.language_code(self.cleaned_data["language"])
        except languages.InvalidLanguage as error:
            raise forms.ValidationError(str(error)) from error


class ScheduleForm(StepForm):
    """When it goes out."""

    when = forms.ChoiceField(
        choices=[("now", "When I press Send"), ("later", "At a time that I choose")],
        widget=forms.RadioSelect,
        label="When",
    )
    date = forms.DateField(required=False, label="Day", widget=forms.DateInput(attrs={"type": "date"}))
    time = forms.TimeField(
        required=False, label="Time", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    zone = forms.ChoiceField(label="Time zone", choices=[])
    local_time = forms.BooleanField(
        required=False,
        label="At this time where each person is",
        help_text="Around the world that takes up to 26 hours. Where no zone is known, that of the settings counts.",
    )
    rate_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        label="Slow down to",
        help_text="Mails per second. Empty: as fast as Amazon allows.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name.replace("_", " ")) for name in zone_names()]

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """What the step shows at first: the chosen time in the chosen zone."""
        zone = campaign.schedule_zone or "Europe/Berlin"
        local = campaign.scheduled_at.astimezone(ZoneInfo(zone)) if campaign.scheduled_at else None
        return {
            "revision": campaign.revision,
            "when": "later" if local else "now",
            "date": local.date() if local else None,
            "time": local.time() if local else None,
            "zone": zone,
            "local_time": campaign.local_time,
            "rate_limit": campaign.rate_limit,
        }

    def clean(self) -> dict[str, Any]:
        """A chosen time needs day and hour."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("when") == "later":
            for name, words in (("date", "Choose a day."), ("time", "Choose a time.")):
                if name not in self.errors and not values.get(name):
                    self.add_error(name, words)
        return values

    def changes(self) -> dict[str, Any]:
        """What the service saves; `at` is wall-clock time in `zone`."""
        values = self.cleaned_data
        later = values["when"] == "later"
        at = dt.datetime.combine(values["date"], values["time"]) if later else None
        return {
            "at": at,
            "zone": values["zone"],
            "rate_limit": values["rate_limit"],
            "local_time": values["local_time"],
        }


@cache
def zone_names() -> tuple[str, ...]:
    """The zones that people know by a city, UTC first. Python reads hundreds of files to name them: once."""
    areas = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(areas)))


def sender_choices(site: Any) -> list[selectors.SenderChoice]:
    """The senders with whether they may be used; the form itself refuses none of them."""
    return selectors.list_senders(site)
