import pytest

from campaigns.models import TemplateVersion
from campaigns.services import publishing, templates
from subscribers.models import CustomField
from tests.factories.campaigns import HTML, make_campaign, make_site, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site() -> None:
    make_site()


def test_a_version_holds_what_ses_stores() -> None:
    version = publishing.publish(template=make_template(preheader="For <you>"), actor=None)
    assert version.number == 1
    assert "{{html.name}}" in version.html
    assert '<a ses:no-track href="{{html.unsubscribe_url}}">' in version.html
    assert "For &lt;you&gt;" in version.html
    assert "{{unsubscribe_url}}" in version.text
    assert "For" not in version.text
    assert version.ses_name == f"mp-{version.content_hash[:40]}"
    assert version.variables["subject"] == ["name"]


def test_unchanged_content_is_the_same_version() -> None:
    template = make_template()
    first = publishing.publish(template=template, actor=None)
    assert publishing.publish(template=template, actor=None).pk == first.pk
    saved = templates.save_draft(template_id=template.pk, actor=None, revision=1, html=HTML + "<p>more</p>")
    assert publishing.publish(template=saved, actor=None).number == 2
    assert TemplateVersion.objects.get(pk=first.pk).html == first.html


def test_ux_10_a_restored_version_is_published_as_a_new_one_and_campaigns_keep_theirs() -> None:
    template = make_template()
    for number in (1, 2, 3):
        html = f"{HTML}<p>text {number}</p>"
        template = templates.save_draft(template_id=template.pk, actor=None, revision=number, html=html)
        publishing.publish(template=template, actor=None)
    campaign = make_campaign(template=template)
    sent = publishing.version_for_campaign(campaign=campaign, actor=None)
    second = template.versions.get(number=2)
    restored = templates.restore_version(version=second, actor=None, revision=4)
    fourth = publishing.publish(template=restored, actor=None)
    assert (fourth.number, fourth.content_hash) == (max(4, sent.number + 1), second.content_hash)
    assert publishing.publish(template=restored, actor=None).pk == fourth.pk
    sent.refresh_from_db()
    assert "text 3" in sent.html


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (HTML + "{{nobody_knows}}", "unknown_variable"),
        (HTML + "{{#if name}}", "unclosed_block"),
        (HTML.replace("{{unsubscribe_url}}", "https://example.com"), "no_unsubscribe"),
        (HTML.replace("{{postal_address}}", ""), "no_postal_address"),
    ],
)
def test_what_blocks_is_not_published(html: str, code: str) -> None:
    with pytest.raises(publishing.NotPublishable) as caught:
        publishing.publish(template=make_template(html=html), actor=None)
    assert code in {finding.code for finding in caught.value.findings}
    assert not TemplateVersion.objects.exists()


def test_custom_fields_are_known_and_bring_their_default() -> None:
    CustomField.objects.create(key="city", label="City", default="your town")
    version = publishing.publish(template=make_template(html=HTML + "{{city}}"), actor=None)
    assert version.defaults == {"city": "your town"}


def test_a_campaigns_own_subject_makes_its_own_version() -> None:
    campaign = make_campaign(subject="Only for {{name}} today", preheader="Quick")
    version = publishing.version_for_campaign(campaign=campaign, actor=None)
    assert version.subject == "Only for {{name}} today"
    assert "Quick" in version.html
    assert publishing.publish(template=version.template, actor=None).pk != version.pk


def test_a_campaign_without_template_has_no_version() -> None:
    campaign = make_campaign()
    campaign.template = None
    with pytest.raises(publishing.NoTemplate):
        publishing.version_for_campaign(campaign=campaign, actor=None)


def test_a_campaign_fills_in_what_no_person_has() -> None:
    CustomField.objects.create(key="city", label="City")
    template = make_template(defaults={"discount": "10", "product": "Watch", "name": "friend", "city": "x"})
    campaign = make_campaign(template=template, variables={"discount": "25", "other": "x"})
    assert publishing.campaign_variables(campaign) == {"discount": "25", "product": "Watch"}
