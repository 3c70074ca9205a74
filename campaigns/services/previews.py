"""Show a mail as one person gets it: the draft in the editor, and the sent mail in the browser."""

import email
import email.policy
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import control
from mailplatform.aws import templates as ses_templates
from subscribers.models import Subscriber

from .. import entries, tokens
from ..branding import dress
from ..models import Batch, Campaign, Delivery, Run, Template, TemplateVersion
from ..rendering import (
    Checked,
    Finding,
    Part,
    Rendered,
    TemplateError,
    TemplateVariables,
    parse_part,
    render,
    render_nodes,
    render_stored,
)
from ..rendering.compiling import compile_part
from ..selectors import brand
from ..selectors import templates as selectors
from ..sending import smtp
from . import publishing, template_gallery, templates

SAMPLE_EMAIL = "ann.example@example.com"


class NoCopy(Exception):
    """The mail cannot be shown any more: the person was erased or the run is gone."""


class NotRendered(Exception):
    """Amazon SES did not render a version; the message says why."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What the editor shows. `rendered` is None when the template cannot be rendered at all."""

    checked: Checked
    rendered: Rendered | None
    findings: list[Finding] = field(default_factory=list)
    preheader: str = ""


def person_of(subscriber: Subscriber) -> entries.Person:
    """What an entry needs of a subscriber."""
    return entries.Person(
        subscriber.pk,
        subscriber.public_id,
        subscriber.email,
        subscriber.name,
        subscriber.language,
        subscriber.fields,
    )


def sample_person() -> entries.Person:
    """Somebody invented, for an installation without subscribers."""
    return entries.Person(0, Subscriber().public_id, SAMPLE_EMAIL, "Ann Example", "en", {})


def draft_of(starter: template_gallery.Starter) -> Template:
    """A starter in the brand's clothes, as a draft that is stored nowhere."""
    return Template(
        name=starter.name,
        subject=starter.subject,
        preheader=starter.preheader,
        html=dress(starter.html, brand.look()),
        text=starter.text,
        source_format=starter.kind,
        defaults={**starter.defaults, **template_gallery.SAMPLES.get(starter.slug, {})},
    )


def preview(
    template: Template,
    person: entries.Person,
    *,
    subject: str = "",
    preheader: str = "",
    variables: dict[str, Any] | None = None,
    site: Installation | None = None,
    fields: dict[str, Any] | None = None,
) -> Preview:
    """Render a draft as `person` would get it. Never raises for a bad template: look at `findings`.

    A page that has read the settings, or the custom fields with their defaults, hands them down.
    """
    site = site or installation.get()
    fields = selectors.custom_field_defaults() if fields is None else fields
    host = urlsplit(installation.public_url(site)).hostname or ""
    checked = templates.check(template, subject=subject, preheader=preheader, public_host=host, fields=fields)
    data = test_data(checked.variables, template, person, variables or {}, site=site, fields=fields)
    try:
        rendered = render(checked, data)
    except TemplateError as error:
        findings = checked.findings or error.findings
        return Preview(checked, None, findings)
    return Preview(checked, rendered, checked.findings, _preheader(preheader or template.preheader, data))


def campaign_preview(campaign: Campaign, person: entries.Person) -> Preview | None:
    """A campaign as `person` would get it, in the language that they read; None without a template."""
    is_real = person.subscriber_id > 0  # somebody invented reads what most people read
    spoken = selectors.spoken_to(campaign, person.language if is_real else "")
    if spoken is None:
        return None
    return preview(
        spoken.template,
        person,
        subject=spoken.subject,
        preheader=spoken.preheader,
        variables=campaign.variables,
    )


def _preheader(source: str, data: dict[str, Any]) -> str:
    """The preheader as the inbox shows it. Its names are those of the HTML part, into which it is put."""
    parsed = parse_part(source, Part.HTML)
    try:
        return unescape(render_nodes(compile_part(parsed, Part.HTML), Part.HTML, data))
    except TemplateError:
        return source


def test_data(
    names: TemplateVariables,
    template: Template,
    person: entries.Person,
    variables: dict[str, Any],
    *,
    site: Installation,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """The data that a test mail or preview for `person` is rendered with; its links change nobody."""
    custom = {k: v for k, v in fields.items() if v}
    own = {
        n: variables.get(n) or template.defaults[n]
        for n in selectors.campaign_names(template.defaults, fields)
    }
    builder = entries.make_builder(
        names,
        campaign_variables=own,
        defaults={**custom, **template.defaults},
        company=site.company,
        postal_address=site.postal_address,
    )
    links = entries.links_for(installation.public_url(site), tokens.make_test_token(0, person.subscriber_id))
    return builder.as_dict(entries.person_values(person, links))


def browser_copy(*, run_id: int, subscriber_id: int) -> Rendered:
    """The mail of a run as one person got it, from the version that was sent. Raises `NoCopy`."""
    run = Run.objects.select_related("template_version", "campaign").filter(pk=run_id).first()
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if run is None or subscriber is None:
        raise NoCopy("This mail cannot be shown any more.")
    version = _version_sent(run, subscriber_id)
    context = entries.RunContext.load(run, version, with_attachments=False)
    token = tokens.make_unsubscribe_token(run_id, subscriber_id)
    values = entries.person_values(person_of(subscriber), entries.links_for(context.public_url, token))
    parts = {Part.SUBJECT: version.subject, Part.HTML: version.html, Part.TEXT: version.text}
    try:
        return render_stored(parts, context.builder.as_dict(values))
    except TemplateError as error:
        raise NoCopy("This mail cannot be shown any more.") from error


def _version_sent(run: Run, subscriber_id: int) -> TemplateVersion:
    """The version in the language of the batch that the person was frozen into."""
    batch = Delivery.objects.filter(run_id=run.pk, subscriber_id=subscriber_id).values("batch_id")
    version_id = Batch.objects.filter(pk__in=batch).values_list("template_version_id", flat=True).first()
    if version_id is None or version_id == run.template_version_id:
        return run.template_version
    return TemplateVersion.objects.filter(pk=version_id).first() or run.template_version


def _version_data(version: TemplateVersion, person: entries.Person) -> dict[str, Any]:
    names = TemplateVariables.from_json(version.variables)
    draft = Template(defaults=version.defaults)
    fields = selectors.custom_field_defaults()
    return test_data(names, draft, person, {}, site=installation.get(), fields=fields)


def version_preview(version: TemplateVersion, person: entries.Person) -> Rendered | None:
    """A published version as `person` would get it; None if it cannot be rendered."""
    data = _version_data(version, person)
    parts = {Part.SUBJECT: version.subject, Part.HTML: version.html, Part.TEXT: version.text}
    try:
        return render_stored(parts, data)
    except TemplateError:
        return None


def version_by_ses(version: TemplateVersion, person: entries.Person) -> Rendered:
    """A published version as Amazon SES itself renders it for `person`. Raises `NotRendered`."""
    if smtp.server() is not None:
        raise NotRendered("Mail leaves through an SMTP server here; Amazon SES renders nothing.")
    data = _version_data(version, person)
    try:
        publishing.ensure_stored(version=version)
        mime = ses_templates.test_render(installation.aws_connection(), version.ses_name, data)
    except (publishing.StorageFailed, ses_templates.TemplateStoreError, control.ControlQueueBusy) as error:
        raise NotRendered(f"Amazon SES did not show this version. {error}") from error
    message = email.message_from_string(mime, policy=email.policy.default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    return Rendered(
        str(message["Subject"]), html.get_content() if html else "", text.get_content() if text else ""
    )


def recent_people(limit: int = 20) -> list[Subscriber]:
    """A few real people to look at a mail as."""
    return list(Subscriber.objects.only("email", "name").order_by("-pk")[:limit])
