"""What a version for a campaign holds where this site counts opens and clicks itself, and that nobody else sees it."""

import orjson
import pytest

from campaigns import own_links
from campaigns.models import TemplateVersion
from campaigns.rendering import Part, TemplateError, render_stored
from campaigns.services import (
    archive,
    previews,
    publishing,
    runs,
    template_keeping,
    template_languages,
    templates,
)
from mailplatform.accounts.models import Carrier
from mailplatform.core import clock
from subscribers.models import CustomField
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_ready_campaign,
    make_site,
    make_subscriber,
    make_template,
)

pytestmark = pytest.mark.django_db
SHOP = 'href="https://example.com/shop"'
TRACKED = {"track_opens": True, "track_clicks": True}


@pytest.fixture(autouse=True)
def _site() -> None:
    make_site(public_url="https://mail.example.com", tracking_carrier=Carrier.OWN)


def test_links_and_pixel_are_in_the_version_and_in_nothing_else() -> None:
    campaign = make_campaign(**TRACKED)
    version = publishing.version_for_campaign(campaign=campaign, actor=None)
    key = own_links.key_of("https://example.com/shop")
    assert f"{{{{html.mp_click}}}}{key}{{{{else}}}}https://example.com/shop{{{{/if}}}}" in version.html
    assert version.html.count("{{html.mp_open}}") == 1
    assert sorted(version.links.values()) == ["https://example.com/shop", "https://mail.example.com/mp-trap/"]
    assert {"mp_click", "mp_open"} <= set(version.variables["html"])
    assert not {"mp_click", "mp_open"} & {*version.variables["subject"], *version.variables["text"]}
    assert "mp_" not in version.text + version.subject
    assert campaign.template is not None
    published = publishing.publish(template=campaign.template, actor=None)
    assert "mp_" not in published.html
    assert published.links == {}
    assert published.content_hash != version.content_hash
    assert publishing.version_for_campaign(campaign=campaign, actor=None).pk == version.pk


@pytest.mark.parametrize(
    ("fields", "has_links", "has_pixel"),
    [
        ({}, False, False),
        ({"track_opens": True}, False, True),
        ({"track_clicks": True}, True, False),
        ({**TRACKED, "kind": "contract"}, False, False),
    ],
)
def test_only_what_may_be_counted_is_there(
    fields: dict[str, object], *, has_links: bool, has_pixel: bool
) -> None:
    version = publishing.version_for_campaign(campaign=make_campaign(**fields), actor=None)
    assert ("mp_click" in version.html, bool(version.links)) == (has_links, has_links)
    assert ("mp_open" in version.html) is has_pixel
    names = set(version.variables["html"])
    assert ("mp_click" in names, "mp_open" in names) == (has_links, has_pixel)


def test_where_amazon_counts_the_version_is_as_it_always_was() -> None:
    make_site(tracking_carrier=Carrier.SES)
    version = publishing.version_for_campaign(campaign=make_campaign(**TRACKED), actor=None)
    assert SHOP in version.html
    assert "mp_" not in version.html
    assert version.links == {}


@pytest.mark.parametrize("carrier", list(Carrier))
def test_a_launch_freezes_who_counts(carrier: Carrier) -> None:
    campaign = make_ready_campaign(**TRACKED)
    make_site(
        public_url="https://mail.example.com",
        tracking_carrier=carrier,
        ses_tracking_acknowledged_at=clock.now(),
    )
    run = runs.launch(campaign=campaign, actor=None)
    assert (run.frozen["carrier"], run.frozen["track_opens"], run.frozen["track_clicks"]) == (
        carrier,
        True,
        True,
    )
    assert ("mp_click" in run.template_version.html) is (carrier == Carrier.OWN)


def test_parameters_still_come_onto_addresses_that_are_the_campaigns_values() -> None:
    template = make_template(
        html=HTML + '<a href="{{shop}}">Shop</a>', defaults={"shop": "https://shop.example/"}
    )
    campaign = make_ready_campaign(template=template, utm={"source": "news"}, name="May", **TRACKED)
    make_site(public_url="https://mail.example.com", tracking_carrier=Carrier.OWN)
    run = runs.launch(campaign=campaign, actor=None)
    query = "utm_source=news&utm_medium=email&utm_campaign=may"
    assert run.frozen["variables"] == {"shop": f"https://shop.example/?{query}"}
    assert sorted(run.template_version.links.values()) == [
        f"https://example.com/shop?{query}",
        "https://mail.example.com/mp-trap/",
        "{{html.shop}}",
    ]


def test_a_campaigns_value_that_is_no_web_address_stays_a_plain_link() -> None:
    template = make_template(
        html=HTML + '<a href="{{write}}">Write</a>', defaults={"write": "mailto:a@example.com"}
    )
    version = publishing.version_for_campaign(
        campaign=make_campaign(template=template, **TRACKED), actor=None
    )
    assert 'href="{{html.write}}"' in version.html


def test_each_language_has_its_own_links() -> None:
    template = make_template()
    german = template_languages.add(template=template, language="de", actor=None)
    other = HTML.replace("example.com/shop", "example.com/laden")
    templates.save_draft(template_id=german.pk, actor=None, revision=german.revision, html=other)
    made = publishing.versions_for_campaign(campaign=make_campaign(template=template, **TRACKED), actor=None)
    assert "https://example.com/laden" in made["de"].links.values()
    assert "https://example.com/laden" not in made[""].links.values()


def test_copies_show_the_plain_mail() -> None:
    campaign = make_ready_campaign(**TRACKED)
    make_site(public_url="https://mail.example.com", tracking_carrier=Carrier.OWN)
    run = runs.launch(campaign=campaign, actor=None)
    person = make_subscriber(fields={"mp_click": "https://evil.example/", "mp_open": "https://evil.example/"})
    version = run.template_version
    shown = [
        archive.neutral_copy(run).html,
        previews.browser_copy(run_id=run.pk, subscriber_id=person.pk).html,
    ]
    preview = previews.version_preview(version, previews.person_of(person))
    assert preview is not None
    for html in [*shown, preview.html]:
        assert SHOP in html
        assert "/l/" not in html
        assert "/o/" not in html
        assert "evil" not in html
        assert "<img" not in html


def test_nobody_can_bring_the_names_in() -> None:
    with pytest.raises(templates.InvalidVariableName, match="mp_click"):
        make_template(defaults={"mp_click": "https://evil.example/"})
    CustomField.objects.create(key="mp_open", label="Odd", default="https://evil.example/")
    template = make_template(html=HTML + '<img src="{{mp_open}}" alt="">')
    with pytest.raises(publishing.NotPublishable) as caught:
        publishing.publish(template=template, actor=None)
    assert {finding.code for finding in caught.value.findings if finding.is_blocking} == {"unknown_variable"}
    assert not TemplateVersion.objects.exists()


def test_a_template_that_reads_what_ours_read_is_refused() -> None:
    with pytest.raises(publishing.NotPublishable):
        publishing.publish(template=make_template(html=HTML + "{{html.mp_click}}"), actor=None)


def test_without_data_of_ours_the_version_does_not_render() -> None:
    """Amazon SES fails a mail whose data lack a variable: so they are always there, empty or not."""
    version = publishing.version_for_campaign(campaign=make_campaign(**TRACKED), actor=None)
    parts = {Part.SUBJECT: "", Part.HTML: version.html, Part.TEXT: ""}
    with pytest.raises(TemplateError, match="mp_click"):
        render_stored(parts, {"html": {"name": "Ann"}})


def test_the_kept_copy_says_where_the_links_lead() -> None:
    version = publishing.version_for_campaign(campaign=make_campaign(**TRACKED), actor=None)
    assert orjson.loads(template_keeping.document(version))["links"] == version.links
