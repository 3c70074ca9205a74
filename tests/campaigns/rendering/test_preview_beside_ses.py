"""The preview's renderer and the sandbox's (handlebars.js, in the dialect of SES) check each other."""

import email
import email.policy
from typing import Any

import pytest

from campaigns import entries
from campaigns.models import Template, TemplateVersion
from campaigns.rendering import Part, TemplateVariables, render_stored
from campaigns.services import previews, publishing, templates
from mailplatform.accounts.services import installation
from mailplatform.aws import templates as ses_templates
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import CustomField
from tests.factories.campaigns import HTML, make_site, make_template
from tests.factories.sending import provision

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sandbox(shared_sandbox: RunningSandbox, settings: Any) -> RunningSandbox:
    shared_sandbox.reset()
    provision(shared_sandbox, settings)
    make_site()
    return shared_sandbox


def parts_of(mime: str) -> tuple[str, str, str]:
    """Subject, HTML and text of a rendered message."""
    message = email.message_from_string(mime, policy=email.policy.default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    assert html is not None
    assert text is not None
    return str(message["Subject"]), html.get_content(), text.get_content()


def squeezed(text: str) -> str:
    return " ".join(text.split())


def both(version: TemplateVersion, person: entries.Person) -> None:
    """Render with both and hold them against each other, but for white space."""
    names, draft = TemplateVariables.from_json(version.variables), Template(defaults=version.defaults)
    data = previews.test_data(names, draft, person, {}, site=installation.get(), fields={})
    parts = {Part.SUBJECT: version.subject, Part.HTML: version.html, Part.TEXT: version.text}
    ours = render_stored(parts, data)
    theirs = parts_of(ses_templates.test_render(installation.aws_connection(), version.ses_name, data))
    assert [squeezed(t) for t in (ours.subject, ours.html, ours.text)] == [squeezed(t) for t in theirs]


def person(**fields: Any) -> entries.Person:
    sample = previews.sample_person()
    return entries.Person(
        7, sample.public_id, "zoe@example.com", fields.pop("name", "Zoë <Lee> & Co"), "en", fields
    )


@pytest.mark.parametrize(
    "html",
    [
        HTML,
        HTML + "{{#if vip}}<b>VIP</b>{{else}}<i>not yet</i>{{/if}}",
        HTML + "{{#unless vip}}no{{/unless}}",
        HTML
        + "<ul>\n{{#each preferences}}\n<li>{{@index}}: {{this}} {{../name}}</li>\n{{else}}\nnone\n{{/each}}\n</ul>",
        HTML + '{{#* inline "row"}}<b>{{this}}</b>{{/inline}}\n{{#each preferences}}{{> row}}{{/each}}',
        HTML
        + "{{#if vip}}{{#each preferences}}{{#if ../city}}{{this}} in {{../city}}{{/if}}{{/each}}{{/if}}",
        HTML + "a {{~name~}} b {{{name}}} {{&name}}",
        HTML + "{{! never seen }}{{!-- {{nor this}} --}}{{@root.city}}",
    ],
)
@pytest.mark.parametrize("values", [{}, {"vip": True, "preferences": ["<a>", "b & c"], "city": "Köln"}])
def test_both_renderers_agree(html: str, values: dict[str, Any]) -> None:
    for key, default in (("vip", ""), ("preferences", ""), ("city", "")):
        CustomField.objects.create(key=key, label=key, default=default)
    version = publishing.publish(template=make_template(html=html), actor=None)
    publishing.ensure_stored(version=version)
    both(version, person(**values))


def test_the_starters_render_alike() -> None:
    for template in templates.ensure_starters():
        version = publishing.publish(template=template, actor=None)
        publishing.ensure_stored(version=version)
        both(version, person())


def test_storing_is_idempotent_and_dated(sandbox: RunningSandbox) -> None:
    version = publishing.publish(template=make_template(), actor=None)
    assert publishing.ensure_stored(version=version)
    assert not publishing.ensure_stored(version=version)
    version.refresh_from_db()
    assert version.stored_at is not None
    stored = sandbox.client("sesv2").get_email_template(TemplateName=version.ses_name)
    assert stored["TemplateContent"]["Html"] == version.html


def test_presence_removal_and_absence_in_ses() -> None:
    connection = installation.aws_connection()
    version = publishing.publish(template=make_template(), actor=None)
    assert not ses_templates.is_stored(connection, version.ses_name)
    publishing.ensure_stored(version=version)
    assert ses_templates.is_stored(connection, version.ses_name)
    ses_templates.remove(connection, version.ses_name)
    ses_templates.remove(connection, version.ses_name)
    with pytest.raises(ses_templates.TemplateMissing):
        ses_templates.test_render(connection, version.ses_name, {})


def test_a_ses_that_cannot_be_reached_is_said_in_words(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9", "sns": "http://127.0.0.1:9"}
    version = publishing.publish(template=make_template(), actor=None)
    with pytest.raises(publishing.StorageFailed, match="could not be reached"):
        publishing.ensure_stored(version=version)
    version.refresh_from_db()
    assert version.stored_at is None
