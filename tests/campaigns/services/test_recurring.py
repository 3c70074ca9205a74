"""Campaigns that repeat: each time a copy with a run of its own, or a reason why not."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Occurrence, Series, Skipped
from campaigns.recurrence import DAILY, MONTHLY, WEEKLY, Rule
from campaigns.selectors import approvals
from campaigns.selectors import recurring as reads
from campaigns.services import approval, campaigns, preflight, recurring, runs, sending_settings, starting
from mailplatform.core import clock
from tests.factories.campaigns import make_campaign, make_ready_campaign, make_user

pytestmark = pytest.mark.django_db
NOON = Rule(DAILY, dt.time(12), "UTC")
DAY = dt.timedelta(days=1)


@pytest.fixture
def pattern(settings: Any) -> Campaign:
    settings.PUBLIC_URL = "https://mail.example.com"
    return make_ready_campaign(name="Digest")


def repeat(campaign: Campaign, **changes: Any) -> Series:
    values = {"rule": NOON, "send_unchanged": False, "actor": None, **changes}
    return recurring.repeat(campaign=campaign, **values)


def make_it_due(series: Series, *, ago: dt.timedelta = dt.timedelta(seconds=5)) -> None:
    """As if its time had just come; the clocks of Postgres cannot be moved."""
    Series.objects.filter(pk=series.pk).update(next_at=clock.now() - ago)


def last(series: Series) -> Occurrence:
    return series.occurrences.order_by("-due_at")[0]


def change(campaign: Campaign, words: str) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(subject=words)


def test_an_occurrence_is_a_campaign_with_a_run_of_its_own(pattern: Campaign) -> None:
    series = repeat(pattern)
    assert series.next_at is not None
    assert recurring.make_due() == []
    make_it_due(series)
    (copy,) = recurring.make_due()
    assert copy.name.startswith("Digest, ")
    assert (copy.state, list(copy.lists.all())) == (CampaignState.SCHEDULED, list(pattern.lists.all()))
    assert len(starting.start_due()) == 1
    assert reads.pattern_of(copy) == pattern
    pattern.refresh_from_db()
    series.refresh_from_db()
    assert (pattern.state, pattern.runs.count(), copy.runs.count()) == (CampaignState.DRAFT, 0, 1)
    assert series.next_at is not None
    assert series.next_at > clock.now()
    assert recurring.make_due() == []


def test_it_is_left_out_while_nothing_changed_and_sent_when_something_did(pattern: Campaign) -> None:
    series = repeat(pattern)
    make_it_due(series)
    (copy,) = recurring.make_due()
    Campaign.objects.filter(pk=copy.pk).update(state=CampaignState.SENT)
    make_it_due(series)
    assert recurring.make_due() == []
    assert last(series).skipped == Skipped.NOTHING_NEW
    change(pattern, "News of this week")
    make_it_due(series)
    assert len(recurring.make_due()) == 1


def test_what_could_not_start_was_told_to_nobody_and_goes_out_the_next_time(pattern: Campaign) -> None:
    series = repeat(pattern)
    make_it_due(series)
    (copy,) = recurring.make_due()
    Campaign.objects.filter(pk=copy.pk).update(sender=None)
    assert starting.start_due() == []
    copy.refresh_from_db()
    assert copy.state == CampaignState.DRAFT
    make_it_due(series)
    assert len(recurring.make_due()) == 1


def test_it_is_sent_unchanged_where_that_was_chosen(pattern: Campaign) -> None:
    series = repeat(pattern, send_unchanged=True)
    for _ in range(2):
        make_it_due(series)
        (copy,) = recurring.make_due()
        Campaign.objects.filter(pk=copy.pk).update(state=CampaignState.SENT)


@pytest.mark.parametrize("state", ["scheduled", "preparing", "sending", "paused"])
def test_it_is_left_out_while_the_one_before_is_not_finished(pattern: Campaign, state: str) -> None:
    series = repeat(pattern, send_unchanged=True)
    make_it_due(series)
    (copy,) = recurring.make_due()
    Campaign.objects.filter(pk=copy.pk).update(state=state)
    make_it_due(series)
    assert recurring.make_due() == []
    assert last(series).skipped == Skipped.STILL_RUNNING


def test_what_was_missed_for_long_is_left_out_once_and_not_made_up_for(pattern: Campaign) -> None:
    series = repeat(pattern)
    make_it_due(series, ago=5 * DAY)
    assert recurring.make_due() == []
    assert [row.skipped for row in series.occurrences.all()] == [Skipped.TOO_LATE]
    assert Series.objects.get(pk=series.pk).next_at > clock.now()  # type: ignore[operator]


def test_an_approval_is_handed_on_and_without_one_nothing_goes_out(pattern: Campaign) -> None:
    ada, bob = make_user(), make_user()
    sending_settings.update(actor=None, approval_needed=True)
    series = repeat(pattern, actor=ada)
    make_it_due(series)
    assert recurring.make_due() == []
    assert last(series).skipped == Skipped.NOT_APPROVED
    approval.approve(campaign=pattern, actor=bob, fingerprint=approvals.fingerprint(pattern))
    make_it_due(series)
    (copy,) = recurring.make_due()
    assert approvals.approved_by(copy) == bob
    assert len(starting.start_due()) == 1


def test_the_pattern_itself_is_not_sent_and_a_put_away_one_rests(pattern: Campaign) -> None:
    series = repeat(pattern)
    assert "repeats" in {item.code for item in preflight.check(pattern).blocking}
    with pytest.raises(runs.NotReady, match="Copies of this campaign"):
        runs.launch(campaign=pattern, actor=None)
    campaigns.archive(campaign=pattern, actor=None)
    make_it_due(series)
    assert recurring.make_due() == []


def test_skip_and_stop(pattern: Campaign) -> None:
    series = repeat(pattern)
    first = series.next_at
    assert first is not None
    recurring.skip_next(campaign=pattern, actor=None)
    assert Series.objects.get(pk=series.pk).next_at == first + DAY
    assert last(series).skipped == Skipped.BY_HAND
    recurring.stop(campaign=pattern, actor=None)
    with pytest.raises(recurring.InvalidRepeat, match="does not repeat"):
        recurring.skip_next(campaign=pattern, actor=None)
    assert recurring.make_due() == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("hourly", dt.time(9), "UTC"), "how often"),
        (Rule(WEEKLY, dt.time(9), "UTC"), "at least one day"),
        (Rule(WEEKLY, dt.time(9), "UTC", (7,)), "no such day"),
        (Rule(MONTHLY, dt.time(9), "UTC", month_day=32), "no such day"),
        (Rule(DAILY, dt.time(9), "Mars/Base"), "no time zone"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(rule: Rule, words: str) -> None:
    with pytest.raises(recurring.InvalidRepeat, match=words):
        repeat(make_campaign(), rule=rule)
    with pytest.raises(recurring.InvalidRepeat, match="Only a draft"):
        repeat(make_campaign(state=CampaignState.SENT))


def test_the_page_keeps_the_rule_and_tells_what_came_of_it(client: Client) -> None:
    client.force_login(make_user())
    campaign = make_campaign()
    url = reverse("campaigns:campaign_repeat", args=[campaign.public_id])
    assert "Only a draft" not in client.get(url).content.decode()
    wrong = client.post(url, {"frequency": "weekly", "at": "09:00", "zone": "Europe/Berlin"})
    assert wrong.status_code == 422
    assert "Choose at least one day." in wrong.content.decode()
    data = {"frequency": "weekly", "weekdays": ["0", "3"], "at": "09:00", "zone": "Europe/Berlin"}
    page = client.post(url, data, follow=True).content.decode()
    assert "every Monday, Thursday at 09:00, Europe/Berlin" in page
    assert page.count(", 09:00 CE") == 5
    client.post(reverse("campaigns:campaign_repeat_skip", args=[campaign.public_id]))
    page = client.get(url).content.decode()
    assert "Left out: Skipped by hand" in page
    assert "Repeats" in client.get(reverse("campaigns:campaign_list")).content.decode()
