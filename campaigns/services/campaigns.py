"""Write campaigns: create, save each step, copy, archive, choose when. Launching is in `services.runs`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from mailplatform.accounts.models import Installation, User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock
from subscribers.models import MailingList, Segment

from ..languages import language_code
from ..models import Attachment, Campaign, CampaignKind, Sender, Template, Translation
from ..selectors import campaigns as selectors

LONGEST_TAG: Final = 40
MOST_TAGS: Final = 10


class StaleCampaign(Exception):
    """Somebody else saved in between. `current` is what is stored now; nothing was changed."""

    def __init__(self, current: Campaign) -> None:
        self.current = current
        super().__init__(f"“{current.name}” was changed by somebody else.")


class NotEditable(Exception):
    """The campaign has been launched or scheduled: its steps are fixed."""


class InvalidSchedule(ValueError):
    """The time or the zone cannot be used; the message says why."""


class InvalidTags(ValueError):
    """A tag is too long, or there are too many."""


class SenderNotVerified(Exception):
    """Amazon SES does not let us send from this address yet."""


class SenderInUse(Exception):
    """A campaign names this sender."""


class SenderTaken(Exception):
    """There is another sender of this name and address."""


@transaction.atomic
def create(*, actor: User | None, name: str, kind: str = CampaignKind.MARKETING) -> Campaign:
    """Create a draft with the installation's own defaults."""
    site = installation.get()
    campaign = Campaign.objects.create(
        name=" ".join(name.split())[:120],
        kind=CampaignKind(kind),
        owner=actor,
        sender=default_sender(),
        track_opens=site.track_opens,
        track_clicks=site.track_clicks,
        schedule_zone=(actor.time_zone if actor else "") or site.time_zone,
    )
    audit.record(actor=actor, action="campaign.created", obj=campaign, detail={"name": campaign.name})
    return campaign


def default_sender(site: Installation | None = None) -> Sender | None:
    """The sender of the settings page, as a row; None while there is none."""
    site = site or installation.get()
    if not site.sender_address:
        return None
    sender, _ = Sender.objects.get_or_create(
        address=site.sender_address, name=site.sender_name, defaults={"reply_to": site.reply_to}
    )
    return sender


@transaction.atomic
def add_sender(*, actor: User | None, name: str, address: str, reply_to: str = "") -> Sender:
    """Add a sender. Raises `SenderNotVerified`: an address that SES refuses is of no use."""
    address = address.strip().lower()
    if not selectors.is_verified(address, installation.get()):
        raise SenderNotVerified(f"{address} is not verified in Amazon SES yet. Verify its domain first.")
    sender, made = Sender.objects.get_or_create(
        address=address, name=" ".join(name.split()), defaults={"reply_to": reply_to.strip()}
    )
    if made:
        audit.record(actor=actor, action="sender.added", obj=sender, detail={"address": address})
    return sender


@transaction.atomic
def change_sender(*, sender: Sender, actor: User | None, name: str, reply_to: str) -> Sender:
    """Change how a sender is called and where replies go; what is on its way keeps the old. Raises `SenderTaken`."""
    found = Sender.objects.select_for_update().get(pk=sender.pk)
    before = {"name": found.name, "reply_to": found.reply_to}
    after = {"name": " ".join(name.split()), "reply_to": reply_to.strip()}
    if Sender.objects.filter(address=found.address, name=after["name"]).exclude(pk=found.pk).exists():
        raise SenderTaken(f"There is already a sender {after['name']} <{found.address}>.")
    found.name, found.reply_to = after["name"], after["reply_to"]
    found.save()
    changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if changed:
        audit.record(actor=actor, action="sender.changed", obj=found, detail=changed)
    return found


@transaction.atomic
def remove_sender(*, sender: Sender, actor: User | None) -> None:
    """Remove a sender that no campaign names, whatever its state. Raises `SenderInUse`."""
    count = Campaign.objects.filter(sender=sender).count()
    if count:
        raise SenderInUse(f"{count} campaign{'s' if count != 1 else ''} name {sender}, so it stays.")
    audit.record(actor=actor, action="sender.removed", obj=sender, detail={"address": sender.address})
    sender.delete()


@transaction.atomic
def rename(
    *,
    campaign_id: int,
    revision: int,
    name: str,
    tags: Sequence[str] | None = None,
    in_archive: bool | None = None,
) -> Campaign:
    """Change what a campaign is called, filed under and whether the public archive shows it, at any time.

    What is None stays. Raises `StaleCampaign`, `InvalidTags`.
    """
    campaign = locked(campaign_id, revision, any_state=True)
    campaign.name = " ".join(name.split())[:120] or campaign.name
    if tags is not None:
        campaign.tags = clean_tags(tags)
    if in_archive is not None:
        campaign.in_archive = in_archive
    return saved(campaign)


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Tags as campaigns hold them: in lower case, each once, by alphabet. Raises `InvalidTags`."""
    found = sorted({" ".join(tag.lower().split()) for tag in tags} - {""})
    if long := next((tag for tag in found if len(tag) > LONGEST_TAG), None):
        raise InvalidTags(f"“{long[:LONGEST_TAG]}…” is too long: a tag has at most {LONGEST_TAG} characters.")
    if len(found) > MOST_TAGS:
        raise InvalidTags(f"A campaign has at most {MOST_TAGS} tags.")
    return found


@transaction.atomic
def save_audience(
    *,
    campaign_id: int,
    revision: int,
    kind: str,
    lists: Sequence[MailingList],
    segments: Sequence[Segment],
    excluded_lists: Sequence[MailingList] = (),
    excluded_segments: Sequence[Segment] = (),
) -> Campaign:
    """Save the step To. Raises `StaleCampaign`, `NotEditable`."""
    campaign = locked(campaign_id, revision)
    campaign.kind = CampaignKind(kind)
    campaign.lists.set(lists)
    campaign.segments.set(segments)
    campaign.excluded_lists.set(excluded_lists)
    campaign.excluded_segments.set(excluded_segments)
    return saved(campaign)


@transaction.atomic
def save_sender(
    *,
    campaign_id: int,
    revision: int,
    sender: Sender | None,
    subject: str,
    preheader: str,
    track_opens: bool,
    track_clicks: bool,
) -> Campaign:
    """Save the step From. Raises `StaleCampaign`, `NotEditable`, `SenderNotVerified`."""
    if sender is not None and not selectors.is_verified(sender.address, installation.get()):
        raise SenderNotVerified(f"{sender.address} is not verified in Amazon SES yet.")
    campaign = locked(campaign_id, revision)
    campaign.sender = sender
    campaign.subject = " ".join(subject.split())
    campaign.preheader = " ".join(preheader.split())
    campaign.track_opens = track_opens
    campaign.track_clicks = track_clicks
    return saved(campaign)


@transaction.atomic
def save_content(
    *,
    campaign_id: int,
    revision: int,
    template: Template | None,
    variables: dict[str, Any],
    utm: dict[str, str] | None = None,
) -> Campaign:
    """Save the step Content; without `utm` the parameters of links stay. Raises `StaleCampaign`, `NotEditable`."""
    campaign = locked(campaign_id, revision)
    campaign.template = template
    campaign.variables = variables
    if utm is not None:
        campaign.utm = utm
    return saved(campaign)


@transaction.atomic
def save_translation(
    *,
    campaign_id: int,
    revision: int,
    language: str,
    template: Template,
    subject: str = "",
    preheader: str = "",
) -> Campaign:
    """Let people of a language get another template; a second time replaces the first.

    Raises `StaleCampaign`, `NotEditable`, `InvalidLanguage`.
    """
    campaign = locked(campaign_id, revision)
    code = language_code(language)
    Translation.objects.update_or_create(
        campaign=campaign,
        language=code,
        defaults={
            "template": template,
            "subject": " ".join(subject.split()),
            "preheader": " ".join(preheader.split()),
        },
    )
    return saved(campaign)


@transaction.atomic
def remove_translation(*, campaign_id: int, revision: int, language: str) -> Campaign:
    """Let people of this language get the campaign's own template again. Raises as `save_translation`."""
    campaign = locked(campaign_id, revision)
    campaign.translations.filter(language=language).delete()
    return saved(campaign)


@transaction.atomic
def save_schedule(
    *,
    campaign_id: int,
    revision: int,
    at: datetime | None,
    zone: str,
    rate_limit: int | None = None,
    local_time: bool = False,
) -> Campaign:
    """Save when to send: `at` is wall-clock time in `zone`, or None for "when I press Send".

    With `local_time` it is wall-clock time where each person is.

    Raises `StaleCampaign`, `NotEditable`, `InvalidSchedule`.
    """
    campaign = locked(campaign_id, revision)
    campaign.scheduled_at = to_instant(at, zone) if at else None
    campaign.schedule_zone = zone
    campaign.local_time = local_time and at is not None
    campaign.rate_limit = rate_limit
    campaign.steps_done = {**campaign.steps_done, "schedule": True}
    return saved(campaign)


def to_instant(at: datetime, zone: str) -> datetime:
    """The instant of a wall-clock time in a named zone. Raises `InvalidSchedule`.

    A time that the clocks skip in spring does not exist and is refused; one that comes twice in autumn means
    the first.
    """
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSchedule(f"There is no time zone called “{zone}”.") from error
    instant = at.replace(tzinfo=place, fold=0).astimezone(ZoneInfo("UTC"))
    if instant.astimezone(place).replace(tzinfo=None) != at.replace(tzinfo=None):
        raise InvalidSchedule(
            f"{at:%H:%M} does not exist on that day in {zone}: the clocks go forward. "
            f"Choose {instant.astimezone(place):%H:%M} instead."
        )
    if instant <= clock.now():
        raise InvalidSchedule("This time is past. Choose a later one.")
    return instant


@transaction.atomic
def duplicate(*, campaign: Campaign, actor: User | None) -> Campaign:
    """Copy everything but the history into a new draft."""
    copy = Campaign.objects.create(
        name=f"{campaign.name[:112]} (copy)",
        kind=campaign.kind,
        template=campaign.template,
        subject=campaign.subject,
        preheader=campaign.preheader,
        variables=campaign.variables,
        sender=campaign.sender,
        track_opens=campaign.track_opens,
        track_clicks=campaign.track_clicks,
        schedule_zone=campaign.schedule_zone,
        local_time=campaign.local_time,
        rate_limit=campaign.rate_limit,
        tags=campaign.tags,
        utm=campaign.utm,
        owner=actor,
    )
    copy.lists.set(campaign.lists.all())
    copy.segments.set(campaign.segments.all())
    copy.excluded_lists.set(campaign.excluded_lists.all())
    copy.excluded_segments.set(campaign.excluded_segments.all())
    for found in campaign.translations.all():
        Translation.objects.create(
            campaign=copy,
            language=found.language,
            template_id=found.template_id,
            subject=found.subject,
            preheader=found.preheader,
        )
    Attachment.objects.bulk_create(
        Attachment(campaign=copy, media_id=media_id)
        for media_id in Attachment.objects.filter(campaign=campaign).values_list("media_id", flat=True)
    )
    audit.record(
        actor=actor, action="campaign.duplicated", obj=copy, detail={"from": str(campaign.public_id)}
    )
    return copy


@transaction.atomic
def archive(*, campaign: Campaign, actor: User | None) -> None:
    """Put a campaign away that is not on its way. Raises `NotEditable`."""
    found = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if found.state not in (*selectors.EDITABLE_STATES, *selectors.FINISHED_STATES):
        raise NotEditable("A campaign that is being sent cannot be put away. Cancel it first.")
    found.archived_at = clock.now()
    found.save(update_fields=["archived_at", "updated_at"])
    audit.record(actor=actor, action="campaign.archived", obj=found)


@transaction.atomic
def bring_back(*, campaign: Campaign, actor: User | None) -> None:
    """Take a campaign out of the drawer again; a second time changes nothing."""
    if Campaign.objects.filter(pk=campaign.pk, archived_at__isnull=False).update(
        archived_at=None, updated_at=clock.now()
    ):
        audit.record(actor=actor, action="campaign.brought_back", obj=campaign)


def locked(campaign_id: int, revision: int, *, any_state: bool = False) -> Campaign:
    """The campaign, held until the end of the transaction. Raises `StaleCampaign`, `NotEditable`."""
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign_id)
    if not any_state and not selectors.is_editable(campaign):
        raise NotEditable("This campaign is already on its way; its steps are fixed.")
    if campaign.revision != revision:
        raise StaleCampaign(campaign)
    return campaign


def saved(campaign: Campaign) -> Campaign:
    """Save it as the next revision."""
    campaign.revision += 1
    campaign.save()
    return campaign
