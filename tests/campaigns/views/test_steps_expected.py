"""What a marketer expects of the steps of a campaign, each test in the words of one expectation."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Sender
from campaigns.sending import freeze, states
from campaigns.services import runs
from mailplatform.accounts.models import Installation, User
from mailplatform.core import clock
from subscribers.models import Subscriber, SuppressionReason
from subscribers.services import suppression
from tests.factories import sending
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_ready_campaign,
    make_site,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def marketer(client: Client, settings: Any, user: User) -> Client:
    settings.PUBLIC_URL = "https://mail.example.com"
    make_site()
    client.force_login(user)
    return client


def step(client: Client, campaign: Campaign, name: str) -> str:
    return client.get(reverse("campaigns:campaign_step", args=[campaign.public_id, name])).content.decode()


def save(client: Client, campaign: Campaign, name: str, **data: Any) -> int:
    campaign.refresh_from_db()
    url = reverse("campaigns:campaign_step", args=[campaign.public_id, name])
    return client.post(
        url, {"revision": campaign.revision, **data}, headers={"HX-Request": "true"}
    ).status_code


def test_ux_03_what_was_typed_and_the_ticks_are_there_after_the_browser_was_closed(
    marketer: Client, user: User
) -> None:
    campaign, audience = Campaign.objects.create(name="March"), sending.make_list()
    assert save(marketer, campaign, "to", kind="marketing", lists=[audience.pk]) == 200
    reopened = Client()
    reopened.force_login(user)
    page = step(reopened, campaign, "schedule")  # any order
    nav = page[page.index('id="step-links"') :]
    ticked = re.findall(r"<li[^>]*>.*?</li>", nav[: nav.index("</nav>")], re.DOTALL)
    assert [("icon-check" in item or "#check" in item) for item in ticked] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert re.search(rf'value="{audience.pk}"[^>]*checked', step(reopened, campaign, "to"))


@pytest.mark.django_db(transaction=True)
def test_ux_04_the_count_names_every_reason_and_equals_what_is_sent(
    marketer: Client, site: Installation, fake: sending.FakeSes
) -> None:
    audience = sending.make_list()
    people = sending.make_people(85, audience)
    sending.make_people(10, audience, basis="")
    sending.make_people(5, audience, basis="withdrawn")
    for person in people[:4]:
        key = bytes(person.email_key)
        suppression.suppress(email_key=key, reason=SuppressionReason.BOUNCE, source="test")
    campaign = make_campaign()
    campaign.lists.add(audience)
    page = step(marketer, campaign, "to")
    assert '<p class="mp-big">81</p>' in page
    rows = re.findall(r'<a href="[^"]+\?state=(\w+)">[^<]+</a></td><td class="num">(\d+)', page)
    assert dict(rows) == {"no_basis": "10", "withdrawn": "5", "bounced": "4"}
    run = runs.launch(campaign=campaign, actor=None, confirmed_count=81)
    # As `prepare` does, but for storing the template in SES.
    freeze.ensure_partition(run.pk)
    freeze.freeze(run)
    states.start(run.pk)
    run.refresh_from_db()
    sending.drain_all(run, fake)
    assert sending.states_of(run) == {"accepted": 81, "skipped": 19}
    assert len(fake.accepted) == 81


def test_ux_05_only_verified_senders_can_be_chosen(marketer: Client) -> None:
    campaign, other = make_campaign(), Sender.objects.create(address="x@other.org")
    page = step(marketer, campaign, "from")
    row = page[page.index(f'value="{other.pk}"') :]
    assert "disabled" in row[: row.index(">")]
    assert f'<a href="{reverse("accounts:settings")}">Verify domain</a>' in row[: row.index("</label>")]
    assert save(marketer, campaign, "from", sender=other.pk) == 422


def test_ux_06_a_subject_of_ninety_characters_is_a_warning_and_ninety_points_of_emoji_are_none(
    marketer: Client,
) -> None:
    campaign = make_ready_campaign(subject="x" * 90)
    assert "The subject has 90 characters" in step(marketer, campaign, "review")
    Campaign.objects.filter(pk=campaign.pk).update(subject="News " + "👩‍👩‍👧‍👦" * 13)
    assert "The subject has" not in step(marketer, campaign, "review")


def test_ux_14_without_an_unsubscribe_link_send_is_disabled_and_a_missing_alt_is_only_a_warning(
    marketer: Client,
) -> None:
    broken = make_template(html=HTML.replace("{{unsubscribe_url}}", "https://example.com"))
    page = step(marketer, make_ready_campaign(template=broken), "review")
    assert 'data-dialog-open="send" disabled' in page
    assert re.search(rf'href="{reverse("campaigns:template_edit", args=[broken.public_id])}">Fix', page)
    no_alt = make_template(html=HTML.replace("<h1>", '<img src="https://example.com/a.png"><h1>'))
    page = step(marketer, make_ready_campaign(template=no_alt), "review")
    assert 'data-dialog-open="send">' in page
    assert 'aria-label="Warning"' in page


def test_ux_15_more_than_a_thousand_need_a_tick_and_a_second_click_sends_nothing_more(
    marketer: Client,
) -> None:
    audience = sending.make_list()
    sending.make_people(1_001, audience)
    campaign = make_campaign()
    campaign.lists.add(audience)
    page = step(marketer, campaign, "review")
    assert "Send to 1,001 people now?" in page
    assert 'data-unlocks="send-go"' in page
    url = reverse("campaigns:campaign_send", args=[campaign.public_id])
    for words in ("Starting in a few seconds", "is already scheduled"):
        assert words in marketer.post(url, {"count": "1001"}, follow=True).content.decode()
    campaign.refresh_from_db()
    runs.launch(campaign=campaign, actor=None)
    with pytest.raises(runs.AlreadyLaunched):
        runs.launch(campaign=campaign, actor=None)
    assert campaign.runs.count() == 1


def test_an_hour_that_is_past_where_some_are_has_to_be_confirmed(marketer: Client) -> None:
    audience = sending.make_list()
    people = sending.make_people(5, audience)
    Subscriber.objects.filter(pk__in=[person.pk for person in people[:2]]).update(time_zone="Asia/Tokyo")
    campaign = make_campaign(
        local_time=True, schedule_zone="Europe/Berlin", scheduled_at=clock.now() + dt.timedelta(minutes=30)
    )
    campaign.lists.add(audience)
    page = step(marketer, campaign, "review")
    assert "For 2 people this hour is past: they get it as soon as it starts" in page
    assert "It starts in 10 seconds, because the hour is past for some already" in page
    assert re.search(r'name="past" value="2" required', page)
    assert "(past)" in step(marketer, campaign, "schedule")
    url = reverse("campaigns:campaign_send", args=[campaign.public_id])
    for past in ("", "1", "x", "²"):
        answer = marketer.post(url, {"count": "5", "past": past}, follow=True).content.decode()
        assert "For 2 people this hour is past where they are." in answer
    answer = marketer.post(url, {"count": "5", "past": "2"}, follow=True).content.decode()
    assert "The first of them get it" in answer
    assert "Take it back" in answer
    assert 'hx-trigger="every 2s"' in answer


def test_ux_17_a_time_is_shown_in_the_zone_of_the_campaign_and_of_who_looks_and_can_be_taken_back(
    marketer: Client, user: User
) -> None:
    user.time_zone = "America/New_York"
    user.save()
    campaign = make_ready_campaign()
    summer = dt.date(clock.now().year + 1, 7, 1)
    assert (
        save(marketer, campaign, "schedule", when="later", date=summer, time="09:00", zone="Europe/Berlin")
        == 200
    )
    campaign.refresh_from_db()
    assert campaign.scheduled_at == dt.datetime.combine(summer, dt.time(9), ZoneInfo("Europe/Berlin"))
    page = step(marketer, campaign, "review")
    url = reverse("campaigns:campaign_send", args=[campaign.public_id])
    page = marketer.post(url, {"count": "3"}, follow=True).content.decode()
    assert f"1 Jul {summer.year}, 03:00 EDT" in page
    assert f"01 Jul {summer.year}, 09:00 Europe/Berlin" in page
    back = reverse("campaigns:campaign_unschedule", args=[campaign.public_id])
    assert "Nothing was sent" in marketer.post(back, follow=True).content.decode()
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
