"""Bounces and complaints per day, campaign and provider equal what the events said."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Run
from events import ingest
from events.mailbox_rules import Figures
from events.selectors import reputation
from events.selectors.reputation import Counted
from events.services import digesting
from mailplatform.core import clock
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def sent(*, days_ago: int = 0) -> Run:
    """Four mails: two to Gmail, of which one bounces hard; two to Yahoo, of which one complains and one is full."""
    at = clock.now() - timedelta(days=days_ago)
    run = make_run(state="sent")
    Run.objects.filter(pk=run.pk).update(launched_at=at, audience=4)
    people = [make_person(f"{name}{run.pk}@{host}") for host in ("gmail.com", "yahoo.com") for name in "ab"]
    full: dict[str, Any] = {"bounceType": "Transient", "bounceSubType": "MailboxFull"}
    for person in people:
        make_delivery(run, person)
    said = [payload("Send", run, person, at=at) for person in people]
    said += [payload("Delivery", run, person, at=at) for person in (people[1], people[2])]
    said += [payload("Bounce", run, people[0], at=at), payload("Bounce", run, people[3], at=at, **full)]
    said.append(payload("Complaint", run, people[2], at=at))
    ingest.take_in([inbound(item) for item in said])
    digesting.digest_runs()
    return run


def test_every_view_adds_up() -> None:
    run = sent(days_ago=3)
    counted = Counted(sent=4, delivered=2, hard=1, soft=1, complained=1)
    assert counted.bounced == 2
    days = reputation.by_day(30)
    assert len(days) == 30
    assert days[-1][0] == clock.now().date()
    assert {day: row for day, row in days if row != Counted()} == {
        clock.now().date() - timedelta(days=3): counted
    }
    campaign = reputation.by_campaign(30)
    assert [(row.public_id, row.counted) for row in campaign] == [(run.campaign.public_id, counted)]
    found = {row.name: row.figures for row in reputation.by_provider(30)}
    assert found == {
        "Gmail": Figures(delivered=1, bounced=1, accepted=2, busiest=2),
        "Yahoo": Figures(delivered=1, complained=1, bounced=1, accepted=2, busiest=2),
    }


def test_the_busiest_day_is_that_of_its_runs_together() -> None:
    sent(days_ago=3)
    sent(days_ago=3)
    sent(days_ago=5)
    gmail = reputation.by_provider(30)[0]
    assert (gmail.name, gmail.figures.accepted, gmail.figures.busiest) == ("Gmail", 6, 4)


def test_what_was_before_the_time_is_left_out() -> None:
    sent(days_ago=35)
    assert all(row == Counted() for _, row in reputation.by_day(30))
    assert reputation.by_campaign(30) == []
    assert reputation.by_provider(30) == []
    assert len(reputation.by_campaign(90)) == 1
