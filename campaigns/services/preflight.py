"""The check before launch, in three levels. Blocking findings disable Send, and each names its remedy.

The same function is asked again by the launch itself, so that a button left open in a tab proves nothing.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from mailplatform.accounts.models import Carrier, Installation, User
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from .. import outside
from ..models import Campaign, CampaignKind
from ..rendering import Level
from ..selectors import approvals, forecast, restores
from ..selectors import campaigns as selectors
from ..selectors import templates as template_selectors
from ..selectors.reading import Reading
from ..sending import zones
from . import content_checks, publishing
from .checklist import CONTENT, FROM, REPEAT, SCHEDULE, SETTINGS, TO, Preflight

# A campaign that takes longer than a night is worth a word.
LONG: Final = timedelta(hours=8)


def check(campaign: Campaign, *, actor: User | None = None, reading: Reading | None = None) -> Preflight:
    """Check everything that can be known before a launch, by `actor` where a person is about to launch it.

    A page that shows more of the campaign gives its `reading`, so that both say the same and read it once.
    """
    reading = reading or Reading(campaign)
    result = Preflight(reading.audience)
    _check_audience(result, reading)
    _check_sender(result, campaign, reading.site)
    content_checks.check_content(result, reading)
    content_checks.check_media(result, reading)
    content_checks.check_attachments(result, reading)
    _check_account(result, reading.site)
    _check_pace(result, reading)
    _check_time(result, campaign)
    _check_local_time(result, reading)
    _check_repeat(result, reading)
    _check_approval(result, reading, actor)
    _check_restored(result, reading)
    order = list(Level)
    result.items.sort(key=lambda item: order.index(item.level))
    return result


def _check_audience(result: Preflight, reading: Reading) -> None:
    campaign, audience = reading.campaign, result.audience
    if not reading.spec.list_ids and not reading.spec.segment_ids:
        result.add(Level.BLOCKING, "no_audience", "Choose who gets this campaign.", TO)
    elif audience.problem:
        result.add(Level.BLOCKING, "segment_broken", audience.problem, TO)
    elif audience.eligible == 0:
        message = "Nobody in this audience may be mailed. See the reasons, or choose other people."
        result.add(Level.BLOCKING, "nobody", message, TO)
    missing = sum(e.count for e in audience.exclusions if e.code == "no_basis")
    if missing:
        message = f"{missing:,} people have no recorded basis for this kind of mail and will be skipped."
        result.add(Level.ADVICE, "no_basis", message, TO)
    if campaign.kind != CampaignKind.MARKETING:
        message = (
            f"Sent as “{campaign.get_kind_display()}”: it may hold no advertising, and nothing is tracked."
        )
        result.add(Level.WARNING, "not_marketing", message, TO)


def _check_sender(result: Preflight, campaign: Campaign, site: Installation) -> None:
    if campaign.sender is None:
        result.add(Level.BLOCKING, "no_sender", "Choose a sender.", FROM)
    elif not selectors.is_verified(campaign.sender.address, site):
        message = (
            f"{campaign.sender.address} is not verified in Amazon SES. Under Deliverability you see which DNS records "
            "are missing; a single address waits for a click in Amazon's mail. Amazon is asked every few minutes."
        )
        result.add(Level.BLOCKING, "sender_not_verified", message, SETTINGS)
    else:
        _check_domain(result, campaign.sender.address.lower(), site)
    _check_carrier(result, campaign, site)


def _check_carrier(result: Preflight, campaign: Campaign, site: Installation) -> None:
    """Whether Amazon may and can count, where it is to. What this site counts needs neither."""
    counts = publishing.tracks_opens(campaign) or publishing.tracks_clicks(campaign)
    if not counts or site.tracking_carrier != Carrier.SES:
        return
    if settings.SMTP_URL:
        message = (
            "Amazon SES counts opens and clicks, but an SMTP server sends this mail: nobody will be counted. Let this "
            "site count instead."
        )
        result.add(Level.WARNING, "tracking_by_nobody", message, SETTINGS)
    elif site.ses_tracking_acknowledged_at is None:
        message = (
            "Tracking by Amazon SES needs an administrator's acknowledgement first. Or let this site count, or switch "
            "tracking off."
        )
        result.add(Level.BLOCKING, "tracking_not_acknowledged", message, FROM)


def _check_domain(result: Preflight, address: str, site: Installation) -> None:
    """Whether the domain vouches for the mail. https://support.google.com/a/answer/81126 asks bulk senders for it."""
    domain = address.rpartition("@")[2]
    identities = {identity.lower() for identity in site.verified_identities}
    is_signed = any(domain == name or domain.endswith(f".{name}") for name in identities if "@" not in name)
    if not is_signed and not settings.SMTP_URL:
        message = (
            f"Only the address {address} is verified, not the domain {domain}: the mail is not signed with its key "
            "(DKIM), and Gmail and Yahoo ask that of whoever sends much."
        )
        result.add(Level.WARNING, "no_dkim", message, SETTINGS)
    if outside.has_no_dmarc(address):
        message = (
            f"{domain} has no DMARC policy (a TXT record at _dmarc.{domain}): Gmail and Yahoo ask that of whoever "
            "sends much."
        )
        result.add(Level.WARNING, "no_dmarc", message, SETTINGS)


def _check_account(result: Preflight, site: Installation) -> None:
    url = installation.public_url(site)
    if not url.startswith("https://") and not installation.is_sandbox(site):
        message = "The public address must begin with https://, or nobody can unsubscribe with one click."
        result.add(Level.BLOCKING, "public_url", message, SETTINGS)
    if not site.sending_enabled or site.enforcement_status == "SHUTDOWN":
        message = "Amazon SES has stopped sending for your account."
        result.add(Level.BLOCKING, "account_stopped", message, SETTINGS)
    if site.quota_read_at is None:
        result.add(Level.ADVICE, "quota_unknown", "Your sending quota has not been read yet.", SETTINGS)
        return
    if not site.production_access:
        message = "Your SES account is in its sandbox: only verified recipients get the mail."
        result.add(Level.WARNING, "ses_sandbox", message, SETTINGS)
    if site.enforcement_status == "PROBATION":
        message = "Amazon SES has put your account under review. Send to your most engaged people only."
        result.add(Level.WARNING, "account_review", message, SETTINGS)


def _check_pace(result: Preflight, reading: Reading) -> None:
    """Whether the quota and the warm-up plan let it out in one go, and whether it takes long."""
    campaign, site, eligible = reading.campaign, reading.site, result.audience.eligible
    if site.quota_read_at is None or not eligible:
        return
    when = forecast.for_people(
        eligible,
        forecast.situation(site, settings=reading.settings),
        cap=campaign.rate_limit,
        kind=campaign.kind,
        start=campaign.scheduled_at,
    )
    left = max(0, int(site.max_24_hour_send - site.sent_last_24_hours))
    if site.max_24_hour_send >= 0 and eligible > left:
        message = (
            f"{eligible:,} mails, but only {left:,} of today's quota are left: the rest goes out as the quota "
            f"frees up. {when.words}"
        )
        result.add(Level.WARNING, "quota", message, SCHEDULE)
    elif when.limited_by == "warm_up":
        result.add(Level.WARNING, "warm_up", when.words, SCHEDULE)
    elif when.finishes_at is None or when.finishes_at - when.starts_at > LONG:
        result.add(Level.WARNING, "slow", f"It takes long. {when.words}", SCHEDULE)


def _check_local_time(result: Preflight, reading: Reading) -> None:
    campaign = reading.campaign
    if not campaign.local_time or campaign.scheduled_at is None or result.audience.problem:
        return
    found = selectors.zones_of_eligible(campaign, reading.spec)
    unknown = sum(count for zone, count in found.items() if not zones.is_known(zone))
    if unknown:
        message = (
            f"Of {unknown:,} people no time zone is known: they get it at the chosen time in "
            f"{reading.site.time_zone}."
        )
        result.add(Level.ADVICE, "zones_unknown", message, SCHEDULE)
    if campaign.scheduled_at > clock.now():
        _check_hours(result, found, selectors.wall_time(campaign), reading.site.time_zone)


def _check_hours(result: Preflight, found: dict[str, int], wall: datetime, own: str) -> None:
    """Whose hour is past already would get it at once: whoever schedules has to say so."""
    now = clock.now()
    past = sum(count for zone, count in found.items() if zones.instant(wall, zone, fallback=own) <= now)
    if past:
        result.hours_past = past
        whose = (
            "1 person this hour is past: they" if past == 1 else f"{past:,} people this hour is past: they"
        )
        message = (
            f"For {whose} get it as soon as it starts, at another hour than everybody else. A time more than 26 hours "
            "ahead is past for nobody."
        )
        result.add(Level.WARNING, "hours_past", message, SCHEDULE)


def _check_time(result: Preflight, campaign: Campaign) -> None:
    if campaign.scheduled_at is not None and campaign.scheduled_at <= clock.now():
        message = "The chosen time is past. Choose a later one, or send now."
        result.add(Level.BLOCKING, "time_past", message, SCHEDULE)


def _check_repeat(result: Preflight, reading: Reading) -> None:
    if reading.sent_the_same:
        message = f"“{reading.sent_the_same}” sent the same subject and template less than 24 hours ago."
        result.add(Level.WARNING, "repeated", message, CONTENT)


def _check_approval(result: Preflight, reading: Reading, actor: User | None) -> None:
    if reading.series is not None and reading.series.active:
        message = "Copies of this campaign go out by themselves. Stop that first, or send a duplicate."
        result.add(Level.BLOCKING, "repeats", message, REPEAT)
    if not reading.settings.approval_needed:
        return
    approver = approvals.approved_by(reading.campaign, reading)
    if approver is None:
        message = "A second person has to approve this campaign as it is now."
        result.add(Level.BLOCKING, "not_approved", message)
    elif actor is not None and approver.pk == actor.pk:
        message = "You approved this campaign, so somebody else has to send it."
        result.add(Level.BLOCKING, "own_approval", message)


def missing_variables(campaign: Campaign) -> list[str]:
    """The campaign's variables that are still empty."""
    if campaign.template is None:
        return []
    names = template_selectors.campaign_names(campaign.template.defaults)
    values = publishing.campaign_variables(campaign)
    return [name for name in names if values[name] in ("", None)]


def _check_restored(result: Preflight, reading: Reading) -> None:
    """A restored database is locked first; later it does not know of what was launched after its backup."""
    last = reading.restore
    if last is None:
        return
    if last.unlocked_at is None:
        result.add(Level.BLOCKING, "restored", restores.LOCKED)
    elif reading.campaign.created_at <= last.taken_at:
        message = (
            f"The database was restored to {last.taken_at:%d %b %Y, %H:%M} UTC. Whether this campaign was sent "
            f"between then and {last.restored_at:%d %b, %H:%M} is not known here: look into the mailbox of somebody "
            "on the list."
        )
        result.add(Level.WARNING, "restored", message)
