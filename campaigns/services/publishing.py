"""Publish templates: immutable versions, stored in Amazon SES under a name that carries their content's hash.

SES renders conditionals only in stored templates, so a version is stored before a launch may send. Storing is
idempotent: equal content has an equal name, and "already exists" is success.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from mailplatform.accounts.models import Carrier, User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import control
from mailplatform.aws import templates as ses_templates
from mailplatform.core import clock

from .. import honeypot, own_links, utm
from ..models import Campaign, CampaignKind, Template, TemplateVersion
from ..rendering import Finding, StoredTemplate, build_stored
from ..selectors import templates as selectors
from ..sending import storing
from . import templates


@dataclass(frozen=True, slots=True)
class _Additions:
    """What a campaign puts into the mail of its template, for being counted."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    has_honeypot: bool = False
    has_links: bool = False
    has_pixel: bool = False
    constants: Mapping[str, Any] = field(default_factory=dict)


class NotPublishable(Exception):
    """Something in the template blocks; `findings` says what and where."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(f.message for f in findings))


class StorageFailed(Exception):
    """Amazon SES did not take the template; the message says why."""


class NoTemplate(Exception):
    """The campaign has no template yet."""


def publish(*, template: Template, actor: User | None) -> TemplateVersion:
    """Make the draft a version; unchanged content gives back the existing one. Raises `NotPublishable`.

    What an older version said already is a new one again, once something else was published in between.
    """
    return _publish(
        template=template,
        actor=actor,
        subject=template.subject,
        preheader=template.preheader,
        may_be_old=False,
    )


def version_for_campaign(*, campaign: Campaign, actor: User | None) -> TemplateVersion:
    """The version that this campaign sends: its template's draft under its own subject and preheader.

    A bulk call cannot override a subject, so the campaign's own is part of the version.
    Raises `NoTemplate`, `NotPublishable`.
    """
    if campaign.template is None:
        raise NoTemplate("Choose a template first.")
    return _publish(
        template=campaign.template,
        actor=actor,
        subject=campaign.subject or campaign.template.subject,
        preheader=campaign.preheader or campaign.template.preheader,
        additions=_additions(campaign),
    )


@transaction.atomic
def versions_for_campaign(*, campaign: Campaign, actor: User | None) -> dict[str, TemplateVersion]:
    """The version for each language that the campaign speaks; '' is its own, for everybody else.

    Raises `NoTemplate`, `NotPublishable`. Templates are locked in the order of their ids: two launches may
    share some.
    """
    if campaign.template is None:
        raise NoTemplate("Choose a template first.")
    wanted = [("", campaign.template, campaign.subject, campaign.preheader)]
    wanted += [
        (language, found.template, found.subject, found.preheader)
        for language, found in selectors.spoken_by(campaign).items()
    ]
    made, additions = {}, _additions(campaign)
    for language, template, subject, preheader in sorted(wanted, key=lambda each: each[1].pk):
        made[language] = _publish(
            template=template,
            actor=actor,
            subject=subject or template.subject,
            preheader=preheader or template.preheader,
            additions=additions,
        )
    return made


def tracks_opens(campaign: Campaign) -> bool:
    """Tell whether opens of this campaign's mails may be counted: never of mails that are no marketing."""
    return campaign.kind == CampaignKind.MARKETING and campaign.track_opens


def tracks_clicks(campaign: Campaign) -> bool:
    """Tell whether clicks on this campaign's links may be counted: never in mails that are no marketing."""
    return campaign.kind == CampaignKind.MARKETING and campaign.track_clicks


def link_parameters(campaign: Campaign) -> dict[str, str]:
    """What the links of this campaign's mails get (`utm_source` and so on); nothing unless a source is set."""
    return utm.complete(campaign.utm, campaign=slugify(campaign.name) or campaign.public_id.hex[:8])


def campaign_variables(campaign: Campaign, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The campaign's values for what its template declares and no person has; the template's own stand in.

    `fields` are the custom fields, where they were read already.
    """
    if campaign.template is None:
        return {}
    defaults = campaign.template.defaults
    names = selectors.campaign_names(defaults, fields)
    return {name: campaign.variables.get(name) or defaults[name] for name in names}


def ensure_stored(*, version: TemplateVersion) -> bool:
    """Store the version where its sender wants it. True if it was stored now. Raises `StorageFailed`."""
    try:
        return storing.store(version)
    except (ses_templates.TemplateStoreError, control.ControlQueueBusy) as error:
        raise StorageFailed(str(error)) from error


@transaction.atomic
def _publish(
    *,
    template: Template,
    actor: User | None,
    subject: str,
    preheader: str,
    additions: _Additions | None = None,
    may_be_old: bool = True,
) -> TemplateVersion:
    locked = Template.objects.select_for_update().get(pk=template.pk)
    public_url = installation.public_url()
    host = urlsplit(public_url).hostname or ""
    checked = templates.check(locked, subject=subject, preheader=preheader, public_host=host)
    blocking = [f for f in checked.findings if f.is_blocking]
    if blocking:
        raise NotPublishable(blocking)
    stored, links = _with_additions(build_stored(checked), additions or _Additions(), public_url)
    fields = selectors.custom_field_defaults()
    defaults = {**{k: v for k, v in fields.items() if v}, **locked.defaults}
    same = (
        locked.versions.filter(content_hash=stored.content_hash, defaults=defaults)
        .order_by("-number")
        .first()
    )
    if same is not None and (may_be_old or not _is_superseded(same)):
        return same
    return _create_version(locked, stored, links, defaults, actor, subject=subject, preheader=preheader)


def _is_superseded(version: TemplateVersion) -> bool:
    """Whether another text was published since; a campaign's own subject alone is none."""
    keys = ("html", "text", "source_format")
    own = tuple(version.source.get(key) for key in keys)
    newer = TemplateVersion.objects.filter(template_id=version.template_id, number__gt=version.number)
    return any(tuple(each.source.get(key) for key in keys) != own for each in newer.only("source"))


def _additions(campaign: Campaign) -> _Additions:
    is_own = installation.get().tracking_carrier == Carrier.OWN
    clicks = tracks_clicks(campaign)
    return _Additions(
        parameters=link_parameters(campaign),
        has_honeypot=clicks,
        has_links=is_own and clicks,
        has_pixel=is_own and tracks_opens(campaign),
        constants=campaign_variables(campaign) if is_own and clicks else {},
    )


def _with_additions(
    stored: StoredTemplate, wanted: _Additions, public_url: str
) -> tuple[StoredTemplate, dict[str, str]]:
    """The parts as this campaign sends them, and where its own links lead by key."""
    host = urlsplit(public_url).hostname or ""
    html = utm.tag_html(stored.html, wanted.parameters, own_host=host)
    text = utm.tag_text(stored.text, wanted.parameters, own_host=host)
    links: dict[str, str] = {}
    names: set[str] = set()
    if wanted.has_honeypot:
        html = honeypot.with_honeypot(html, public_url)
    if wanted.has_links:
        html, links = own_links.with_own_links(html, public_url=public_url, constants=wanted.constants)
        names |= {own_links.CLICK} if links else set()
    if wanted.has_pixel:
        plain, html = html, own_links.with_own_pixel(html)
        names |= {own_links.OPEN} if html != plain else set()
    variables = replace(stored.variables, html=stored.variables.html | names)
    return replace(stored, html=html, text=text, variables=variables), links


def _create_version(
    template: Template,
    stored: StoredTemplate,
    links: dict[str, str],
    defaults: dict[str, Any],
    actor: User | None,
    *,
    subject: str,
    preheader: str,
) -> TemplateVersion:
    newest = template.versions.aggregate(number=Max("number"))["number"] or 0
    version = TemplateVersion.objects.create(
        template=template,
        number=newest + 1,
        subject=stored.subject,
        html=stored.html,
        text=stored.text,
        source={
            "subject": subject,
            "preheader": preheader,
            "html": template.html,
            "text": template.text,
            "source_format": template.source_format,
            "defaults": template.defaults,
        },
        defaults=defaults,
        variables=stored.variables.as_json(),
        links=links,
        content_hash=stored.content_hash,
        ses_name=stored.ses_name,
        created_at=clock.now(),
        created_by=actor,
    )
    detail = {"version": version.number, "hash": stored.content_hash}
    audit.record(actor=actor, action="template.published", obj=template, detail=detail)
    return version
