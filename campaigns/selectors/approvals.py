"""Whether a campaign was approved as it is now: an approval names the content that somebody saw."""

import hashlib
from typing import Any

import orjson

from mailplatform.accounts.models import Carrier, Role, User

from ..models import Approval, Campaign, CampaignState, Template
from . import attachments
from .reading import Reading


def content_fingerprint(campaign: Campaign) -> str:
    """SHA-256 in hex over all that people would get: texts, templates as they are now, sender, links, measuring."""
    return _digest(_content(Reading(campaign)))


def fingerprint(campaign: Campaign, reading: Reading | None = None) -> str:
    """SHA-256 in hex over the content and whom it goes to; the time and the name are nobody's content."""
    reading = reading or Reading(campaign)
    return _digest({**_content(reading), **_audience(reading)})


def approved_by(campaign: Campaign, reading: Reading | None = None) -> User | None:
    """Who approved the campaign exactly as it is now; None where nobody did, or it was changed since."""
    reading = reading or Reading(campaign)
    found = reading.approval
    if found is None or not found.fingerprint or found.fingerprint != fingerprint(campaign, reading):
        return None
    return found.approved_by


def people_who_may_approve(*, but: User | None = None) -> list[User]:
    """Everybody who may send, without one person."""
    staff = User.objects.filter(is_active=True, role__in=[Role.MARKETER, Role.ADMIN])
    return list(staff.exclude(pk=but.pk) if but else staff)


def waiting_for(user: User, most: int = 10) -> list[Campaign]:
    """The drafts for which somebody else asked for an approval that nobody has given yet."""
    found = Approval.objects.filter(
        requested_at__isnull=False,
        fingerprint="",
        campaign__state=CampaignState.DRAFT,
        campaign__archived_at=None,
    ).exclude(requested_by=user)
    return [row.campaign for row in found.select_related("campaign").order_by("requested_at")[:most]]


def _content(reading: Reading) -> dict[str, Any]:
    campaign, sender = reading.campaign, reading.campaign.sender
    return {
        "kind": campaign.kind,
        "sender": [sender.name, sender.address, sender.reply_to] if sender else None,
        "texts": [campaign.subject, campaign.preheader],
        "variables": campaign.variables,
        # Only where there are some: an approval from before attachments still names the same content.
        **({"attachments": found} if (found := attachments.noted(reading.attached)) else {}),
        "utm": campaign.utm,
        "tracking": [campaign.track_opens, campaign.track_clicks],
        # Where this site counts, the mail itself differs. An approval of a mail that Amazon counts names no carrier.
        **({"carrier": str(Carrier.OWN)} if _counts_itself(reading) else {}),
        "template": _template(campaign.template),
        "languages": [
            [language, found.subject, found.preheader, _template(found.template)]
            for language, found in sorted(reading.spoken.items())
        ],
    }


def _counts_itself(reading: Reading) -> bool:
    is_tracked = reading.campaign.track_opens or reading.campaign.track_clicks
    return is_tracked and reading.site.tracking_carrier == Carrier.OWN


def _template(template: Template | None) -> list[Any] | None:
    if template is None:
        return None
    texts = [template.subject, template.preheader, template.html, template.text]
    return [template.pk, template.source_format, *texts, template.defaults]


def _audience(reading: Reading) -> dict[str, Any]:
    spec = reading.spec
    return {
        "lists": spec.list_ids,
        "excluded_lists": spec.excluded_list_ids,
        "segments": [(pk, spec.segments[pk].rules) for pk in spec.segment_ids],
        "excluded_segments": [(pk, spec.segments[pk].rules) for pk in spec.excluded_segment_ids],
    }


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
