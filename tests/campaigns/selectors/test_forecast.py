"""When a campaign will be out."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from campaigns.models import Batch, Call, SendingSettings
from campaigns.selectors import daily, forecast
from campaigns.selectors.forecast import Limits, shared_work, simulate
from campaigns.services import sending_settings
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from tests.factories.sending import make_list, make_people, make_run

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)


def limits(
    *,
    rate: float = 10,
    cap: float | None = None,
    quota: float | None = None,
    used: float = 0,
    sent: dict[int, int] | None = None,
    plan: list[int] | None = None,
) -> Limits:
    """`sent` maps hours ago to recipients."""
    hours = [(NOW - dt.timedelta(hours=ago), (sent or {}).get(ago, 0)) for ago in range(24, -1, -1)]
    settings = SendingSettings(warm_up_started_on=NOW.date() if plan else None, warm_up_plan=plan or [])
    return Limits(rate, cap, quota, used, hours, settings, 0)


def test_without_limits_the_rate_decides() -> None:
    found = simulate(36_000, 36_000, limits(), NOW)
    assert (found.finishes_at, found.limited_by) == (NOW + dt.timedelta(hours=1), "rate")


def test_a_cap_decides_where_it_is_lower() -> None:
    found = simulate(3600, 3600, limits(cap=1), NOW)
    assert (found.finishes_at, found.limited_by) == (NOW + dt.timedelta(hours=1), "cap")


def test_what_the_quota_holds_back_leaves_as_it_frees_up() -> None:
    # 900 of 1,000 were sent five hours ago: 100 leave now, the rest 19 hours later.
    found = simulate(500, 500, limits(quota=1000, used=900, sent={5: 900}), NOW)
    assert found.limited_by == "quota"
    assert found.finishes_at is not None
    assert dt.timedelta(hours=19) <= found.finishes_at - NOW <= dt.timedelta(hours=20)


def test_what_others_sent_through_the_account_frees_up_evenly() -> None:
    found = simulate(240, 240, limits(quota=240, used=240), NOW)
    assert found.finishes_at is not None
    assert dt.timedelta(hours=23) <= found.finishes_at - NOW <= dt.timedelta(hours=25)


def test_more_than_a_days_quota_takes_days() -> None:
    found = simulate(2500, 2500, limits(quota=1000), NOW)
    assert found.finishes_at is not None
    assert dt.timedelta(hours=47) <= found.finishes_at - NOW <= dt.timedelta(hours=50)


def test_the_warm_up_plan_spreads_over_utc_days() -> None:
    found = simulate(350, 350, limits(plan=[100, 200, 400]), NOW)
    assert found.limited_by == "warm_up"
    assert found.finishes_at is not None
    assert found.finishes_at.date() == NOW.date() + dt.timedelta(days=2)


def test_beyond_sixty_days_there_is_no_time() -> None:
    found = simulate(100_000, 100_000, limits(quota=200), NOW)
    assert found.finishes_at is None
    assert "more than 60 days" in found.words


def test_nobody_and_no_rate() -> None:
    assert simulate(0, 0, limits(), NOW).words == "Nobody is left to send to."
    assert simulate(5, 5, limits(rate=0), NOW).finishes_at is None


@pytest.mark.parametrize(
    ("kind", "others", "work"),
    [
        ("marketing", [], 100),
        ("marketing", [("marketing", 30)], 130),
        ("marketing", [("marketing", 900)], 200),
        ("marketing", [("service", 900)], 1000),
        ("service", [("marketing", 900)], 100),
        ("contract", [("service", 50)], 150),
    ],
)
def test_neighbours_count_as_far_as_they_go_before_or_beside(
    kind: str, others: list[tuple[str, int]], work: int
) -> None:
    assert shared_work(100, others, kind) == work


def test_words_name_the_day() -> None:
    with time_machine.travel(NOW, tick=False), timezone.override("Europe/Berlin"):
        tomorrow = forecast.Forecast(9, NOW, NOW + dt.timedelta(hours=29, minutes=40), "quota", 1)
        assert tomorrow.words.startswith("Done by about 16:40 tomorrow (CET): the daily quota")
        later = forecast.Forecast(9, NOW, NOW + dt.timedelta(days=3), "rate", 1)
        assert "11:00 on Thu 26 Nov" in later.words
        assert forecast.Forecast(9, NOW, NOW, "rate", 1).words == "Done within a few minutes."


@pytest.mark.django_db(transaction=True)
def test_a_run_of_this_installation(site: Installation) -> None:
    audience = make_list()
    make_people(5, audience)
    run = make_run(audience)
    installation.update(
        actor=None, max_24_hour_send=1000.0, sent_last_24_hours=2000.0, quota_read_at=clock.now()
    )
    found = forecast.for_run(run)
    assert (found.people, found.limited_by) == (5, "quota")
    late = clock.now() + dt.timedelta(days=3)
    Batch.objects.filter(run_id=run.pk).update(not_before=late)
    assert forecast.for_run(run).limited_by == "quota"
    Batch.objects.filter(run_id=run.pk).update(local_at=late)
    found = forecast.for_run(run)
    assert (found.finishes_at, found.limited_by) == (late, "local_time")
    assert forecast.for_people(0, forecast.situation(installation.get())).people == 0


@pytest.mark.django_db
def test_calls_are_counted_by_hour_and_day() -> None:
    def call(at: dt.datetime, people: int, **more: str | int) -> None:
        Call.objects.create(
            started_at=at, lease_until=at, subscriber_ids=list(range(people)), configuration_set="x", **more
        )

    call(NOW - dt.timedelta(hours=11), 500)
    call(NOW - dt.timedelta(minutes=90), 50)
    call(NOW - dt.timedelta(minutes=70), 20, state="lost", error="no answer")
    call(NOW - dt.timedelta(minutes=65), 40, state="recorded", error="throttled")
    call(NOW - dt.timedelta(minutes=64), 50, state="recorded", error="INVALID_PARAMETER: words", taken=7)
    call(NOW - dt.timedelta(minutes=63), 50, state="recorded", taken=0)
    call(NOW, 0)
    sent = daily.sent_lately(NOW, since=NOW - dt.timedelta(minutes=75))
    assert len(sent.hours) == 24
    assert [count for _, count in sent.hours if count] == [500, 77, 1]
    assert (sent.today, sent.since) == (78, 28)
    assert daily.sent_since(daily.start_of_day(NOW)) == 78
    assert daily.sent_lately(NOW).since == 0
    assert daily.sent_lately(NOW, since=NOW - dt.timedelta(days=3)).since == 578


@pytest.mark.django_db
def test_the_plan_counts_days_from_its_start() -> None:
    row = sending_settings.update(actor=None, warm_up_started_on=NOW.date(), warm_up_plan=[50, 100])
    days = [daily.warm_up_limit(row, NOW.date() + dt.timedelta(days=n)) for n in (-1, 0, 1, 2)]
    assert days == [None, 50, 100, None]
