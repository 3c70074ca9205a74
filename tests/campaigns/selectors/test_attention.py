"""Nobody of whom it is not known whether they got their mail is on no list."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns.models import Delivery, Run
from campaigns.selectors import attention, unresolved
from campaigns.sending import timing
from mailplatform.core import clock
from tests.factories.campaigns import make_campaign, make_run

pytestmark = pytest.mark.django_db

YEAR = dt.timedelta(days=365)
FENCE = timing.CALL_LEASE + timing.DECISION_FENCE


def doubt(run: Run, *people: int, state: str = "unresolved", reason: str = "lost_answer") -> None:
    at = clock.now()
    for person in people:
        Delivery.objects.create(run_id=run.pk, subscriber_id=person, state=state, reason=reason, at=at)


def grow_old(by: dt.timedelta) -> None:
    Run.objects.update(launched_at=clock.now() - by)
    Delivery.objects.filter(state="unresolved").update(at=clock.now() - by)


@pytest.mark.parametrize("state", ["sent", "cancelled", "failed"])
@pytest.mark.parametrize("reason", ["lost_answer", "worker_lost", "restored", "not_resent"])
def test_who_is_undecided_in_a_run_that_is_over_is_shown_however_old_it_is(state: str, reason: str) -> None:
    run = make_run(make_campaign(name="Spring"), state=state)
    doubt(run, 1, 2, reason=reason)
    grow_old(YEAR)
    assert attention.doubts() == [attention.Doubt("Spring", run.campaign.public_id, 1, 2)]


@pytest.mark.parametrize("state", ["sending", "paused"])
def test_of_a_run_that_goes_on_those_are_shown_about_whom_one_can_decide(state: str) -> None:
    run = make_run(state=state)
    doubt(run, 1)
    assert attention.doubts() == []
    grow_old(FENCE)
    doubt(run, 2)
    assert [found.people for found in attention.doubts()] == [1]


def test_decided_and_settled_people_need_nobody() -> None:
    run = make_run(state="sent")
    doubt(run, 1, reason="resend")
    doubt(run, 2, state="failed", reason="not_confirmed")
    doubt(run, 3, state="accepted", reason="decided")
    assert attention.doubts() == []


def test_the_other_runs_of_a_campaign_are_named_newest_first() -> None:
    campaign = make_campaign()
    runs = [make_run(campaign, state="sent", number=number) for number in (1, 2, 3)]
    doubt(make_run(state="sent"), 9)
    doubt(runs[0], 1, 2)
    doubt(runs[1], 1, reason="not_resent")
    doubt(runs[2], 1)
    assert unresolved.other_runs(runs[2]) == [(2, 1), (1, 2)]
    assert unresolved.other_runs(runs[0]) == [(3, 1), (2, 1)]


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        (attention._UNRESOLVED, {"before": clock.now(), "open": ["sending"]}),
        (unresolved._OTHER_RUNS, [1, 2]),
    ],
    ids=["first page", "campaign"],
)
def test_only_the_few_that_are_open_are_read(sql: str, values: Any) -> None:
    run = make_run(state="sent")
    rows = (
        Delivery(run_id=run.pk, subscriber_id=n, state="accepted", at=clock.now()) for n in range(1, 3001)
    )
    Delivery.objects.bulk_create(rows)
    doubt(run, 5000)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", values)
        found = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on campaigns_delivery" not in found, found
