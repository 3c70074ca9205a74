"""A campaign's parameters stand on the links of the version that its run sends, and nowhere else."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from campaigns.services import publishing, runs
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_ready_campaign,
    make_site,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db
SHOP = HTML + '<a href="{{shop_url}}">Shop</a><a href="https://mail.example.com/x">Ours</a>'


@pytest.fixture(autouse=True)
def _site() -> None:
    make_site(public_url="https://mail.example.com")


def ready() -> Campaign:
    template = make_template(html=SHOP, defaults={"shop_url": "https://shop.example/?a=1"})
    return make_ready_campaign(template=template, name="März news", utm={"source": "newsletter"})


def test_the_run_sends_tagged_links_and_the_template_stays() -> None:
    campaign = ready()
    run = runs.launch(campaign=campaign, actor=None)
    query = "utm_source=newsletter&amp;utm_medium=email&amp;utm_campaign=marz-news"
    html = run.template_version.html
    assert f'href="https://example.com/shop?{query}"' in html
    assert 'href="https://mail.example.com/x"' in html
    assert 'href="{{html.unsubscribe_url}}"' in html
    assert f"https://example.com/shop?{query.replace('&amp;', '&')}" in run.template_version.text
    assert run.frozen["variables"] == {
        "shop_url": f"https://shop.example/?a=1&{query.replace('&amp;', '&')}",
    }
    assert run.frozen["utm"]["utm_campaign"] == "marz-news"
    assert campaign.template is not None
    assert "utm_" not in publishing.publish(template=campaign.template, actor=None).html


def test_without_a_source_nothing_changes() -> None:
    run = runs.launch(campaign=make_ready_campaign(utm={}), actor=None)
    assert "utm_" not in run.template_version.html
    assert "utm" not in run.frozen


def test_the_step_saves_them_and_asks_for_a_source(client: Client) -> None:
    client.force_login(make_user())
    campaign = make_campaign()
    url = reverse("campaigns:campaign_step", args=[campaign.public_id, "content"])
    data = {"revision": "1", "template": campaign.template_id, "utm_medium": "mail"}
    response = client.post(url, data, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "Give the source as well" in response.content.decode()
    client.post(url, {**data, "utm_source": "news"}, headers={"HX-Request": "true"})
    campaign.refresh_from_db()
    assert campaign.utm == {"source": "news", "medium": "mail"}
    review = reverse("campaigns:campaign_step", args=[campaign.public_id, "review"])
    assert "?utm_source=news&amp;utm_medium=mail" in client.get(review).content.decode()


@pytest.mark.parametrize(
    ("kind", "track_clicks", "is_there"),
    [("marketing", True, True), ("marketing", False, False), ("contract", True, False)],
)
def test_a_link_for_scanners_is_there_only_where_clicks_may_be_counted(
    kind: str, *, track_clicks: bool, is_there: bool
) -> None:
    campaign = make_campaign(kind=kind, track_clicks=track_clicks)
    html = publishing.version_for_campaign(campaign=campaign, actor=None).html
    trap = '{{else}}https://mail.example.com/mp-trap/{{/if}}" tabindex="-1"'
    assert (trap in html) is is_there
    assert campaign.template is not None
    assert "mp-trap" not in publishing.publish(template=campaign.template, actor=None).html
