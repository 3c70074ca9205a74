"""What needs the person who looks at the first page: each with the page on which it is settled."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.urls import reverse
from django.utils.formats import number_format

from campaigns.models import Campaign, CampaignState, Skipped
from campaigns.selectors import approvals, attention
from mailplatform.accounts.models import Installation, Role, User
from mailplatform.core import clock

# A privacy request is shown so long before its last day.
_SOON: Final = dt.timedelta(days=7)
_FOR_ADMINS: Final = """
    SELECT (SELECT count(*) FROM subscribers_rightscase WHERE state = 'open' AND due_on <= %s),
           (SELECT count(*) FROM events_deadletter WHERE replayed_at IS NULL),
           EXISTS (SELECT 1 FROM campaigns_restore WHERE unlocked_at IS NULL),
           (SELECT min(domain) FROM events_domainlook
            WHERE jsonb_path_exists(checks, '$[*] ? (@.verdict == "missing" || @.verdict == "wrong")'))
"""


@dataclass(frozen=True, slots=True)
class Need:
    """One line: what it is, what is known, where to go. `level` is "error" or "warning"."""

    title: str
    text: str
    url: str
    level: str = "warning"


def needs(user: User, site: Installation) -> list[Need]:
    """Return what waits for this person, the worst first; four queries at most."""
    found = _of_account(user, site)
    if user.has_role(Role.MARKETER):
        found += [_of_campaign(campaign) for campaign in attention.waiting_campaigns()]
        found += [_of_doubt(doubt) for doubt in attention.doubts()]
        found += [
            Need(f"“{row.name}” waits for your approval", "A colleague asked you to look at it.", _page(row))
            for row in approvals.waiting_for(user)
        ]
    if user.has_role(Role.ADMIN):
        found += _for_admins()
    return sorted(found, key=lambda need: need.level != "error")


def _of_account(user: User, site: Installation) -> list[Need]:
    url = reverse("campaigns:sending_settings")
    if not user.has_role(Role.MARKETER):
        return []
    if not site.sending_enabled or site.enforcement_status == "SHUTDOWN":
        text = "Nothing leaves until it is settled with Amazon."
        return [Need("Amazon SES has stopped your account", text, url, "error")]
    if site.enforcement_status == "PROBATION":
        text = "Send to your most engaged people only."
        return [Need("Amazon SES has put your account under review", text, url)]
    return []


def _of_campaign(campaign: Campaign) -> Need:
    name = f"“{campaign.name}”"
    if campaign.state == CampaignState.SCHEDULED:
        return Need(f"{name} has not started", "It was due while nothing could start it.", _page(campaign))
    if left_out := getattr(campaign, "left_out", ""):
        url = reverse("campaigns:campaign_repeat", args=[campaign.public_id])
        return Need(f"{name} was left out at its last time", f"{Skipped(left_out).label}.", url)
    if campaign.state == CampaignState.DRAFT:
        why = str(campaign.steps_done.get("not_started", ""))
        return Need(f"{name} could not start", why, _page(campaign), "error")
    reason = str(getattr(campaign, "reason", "") or "")
    if campaign.state == CampaignState.FAILED:
        return Need(f"{name} failed", reason, _page(campaign), "error")
    return Need(f"{name} is paused", reason, _page(campaign))


def _of_doubt(doubt: attention.Doubt) -> Need:
    url = f"{reverse('events:unresolved', args=[doubt.public_id])}?run={doubt.run}"
    people = number_format(doubt.people, force_grouping=True)
    words = "person waits" if doubt.people == 1 else "people wait"
    text = "Nobody knows whether Amazon SES took their mail."
    return Need(f"{people} {words} for your decision in “{doubt.name}”", text, url)


def _for_admins() -> list[Need]:
    with connection.cursor() as cursor:
        cursor.execute(_FOR_ADMINS, [clock.now().date() + _SOON])
        cases, letters, is_locked, domain = cursor.fetchone() or (0, 0, False, "")
    found = []
    if is_locked:
        text = "Nothing is sent to readers until you have looked at what that left open, and unlock it."
        found.append(Need("The database was restored", text, reverse("campaigns:restored"), "error"))
    if cases:
        title = f"{cases} privacy request{'s' if cases != 1 else ''} due within a week"
        text = "The law gives a month; the page has the last day of each."
        found.append(Need(title, text, reverse("subscribers:rights_list")))
    if letters:
        title = f"{letters} message{'s' if letters != 1 else ''} from Amazon could not be read"
        found.append(Need(title, "Look at the reason, then replay.", reverse("events:dead_letters")))
    if domain:
        text = "Mailbox providers may refuse your mail; the page has the record to add."
        found.append(Need(f"DNS records of {domain} need a look", text, reverse("events:deliverability")))
    return found


def _page(campaign: Campaign) -> str:
    return reverse("campaigns:campaign_detail", args=[campaign.public_id])
