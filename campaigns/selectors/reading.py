"""What the review of a campaign and its check ask about it: each thing is read once, when it is first asked for.

A reading serves one request or one check and is thrown away, so nothing that it says is older than that.
"""

import datetime as dt
from functools import cached_property
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Subquery, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, NullIf
from django.shortcuts import get_object_or_404

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.selectors.audience import AudienceSpec

from ..models import Approval, Attachment, Campaign, Restore, Run, SendingSettings, Series
from . import attachments, campaigns, recurring, restores, sending_settings, templates

REPEAT_WINDOW: Final = dt.timedelta(hours=24)
_APPROVAL: Final = ("approval__approved_by", "approval__requested_by")


class Reading:
    """One campaign and what was read of it; with `site` where the caller has the installation's row already."""

    def __init__(self, campaign: Campaign, site: Installation | None = None) -> None:
        """Read nothing yet."""
        self.campaign = campaign
        self._given_site = site

    @cached_property
    def site(self) -> Installation:
        """The installation's settings."""
        return self._given_site or installation.get()

    @cached_property
    def spec(self) -> AudienceSpec:
        """The chosen lists and segments."""
        return campaigns.audience_spec(self.campaign, self.site)

    @cached_property
    def audience(self) -> campaigns.Audience:
        """The exact count with every reason."""
        return campaigns.count_audience(self.campaign, self.spec)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Key and default of every custom field."""
        return templates.custom_field_defaults()

    @cached_property
    def spoken(self) -> dict[str, templates.Spoken]:
        """What it says in other languages."""
        return templates.spoken_by(self.campaign)

    @cached_property
    def attached(self) -> list[Attachment]:
        """What hangs on its mails."""
        return attachments.of_campaign(self.campaign)

    @cached_property
    def settings(self) -> SendingSettings:
        """The settings of sending."""
        return sending_settings.get()

    @cached_property
    def series(self) -> Series | None:
        """How it repeats, also when it was stopped."""
        return recurring.series_of(self.campaign)

    @cached_property
    def approval(self) -> Approval | None:
        """What is noted of an approval, whether it holds or not."""
        found = Approval.objects.select_related("approved_by", "requested_by")
        return found.filter(campaign=self.campaign).first()

    @cached_property
    def restore(self) -> Restore | None:
        """The newest restore of the database."""
        return restores.latest()

    @cached_property
    def sent_the_same(self) -> str:
        """The name of another campaign that sent its subject and template within `REPEAT_WINDOW`; '' for none."""
        return self._name(_sent_the_same())

    @cached_property
    def without_content(self) -> str:
        """The name of an attachment whose content is not in the database any more; '' for none."""
        return self._name(attachments.without_content())

    def _name(self, asked: Subquery) -> str:
        return Campaign.objects.filter(pk=self.campaign.pk).values_list(asked, flat=True).first() or ""


def access(public_id: UUID, site: Installation) -> Reading:
    """One campaign with its audience's choice, series, approval and what else one query tells; or 404."""
    found = campaigns.with_choice(campaigns.accessible().select_related("series", *_APPROVAL))
    noted = {
        "same": _sent_the_same(),
        "incomplete": attachments.without_content(),
        "is_attached_to": Exists(Attachment.objects.filter(campaign=OuterRef("pk"))),
        "is_restored": Exists(Restore.objects.all()),
    }
    campaign = get_object_or_404(found.annotate(**noted), public_id=public_id)
    same, incomplete, is_attached_to, is_restored = attrgetter(*noted)(campaign)
    reading = Reading(campaign, site)
    reading.spec = campaigns.spec_of(campaign, site)
    reading.sent_the_same, reading.without_content = same or "", incomplete or ""
    if not is_attached_to:
        reading.attached = []
    if not is_restored:
        reading.restore = None
    reading.series = getattr(campaign, "series", None)
    reading.approval = getattr(campaign, "approval", None)
    return reading


def _sent_the_same() -> Subquery:
    """The name of another campaign that sent this one's subject and template lately."""
    subject = Coalesce(NullIf(OuterRef("subject"), Value("")), OuterRef("template__subject"))
    recent = Run.objects.filter(
        template_version__template=OuterRef("template"), launched_at__gte=clock.now() - REPEAT_WINDOW
    ).exclude(campaign=OuterRef("pk"))
    same = recent.annotate(said=KT("frozen__subject")).filter(said=subject)
    return Subquery(same.values("campaign__name")[:1])
