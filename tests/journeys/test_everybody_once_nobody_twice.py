"""How mailings went wrong elsewhere: two at the same work, or an answer that was lost, and people had it twice.

In each situation everybody has exactly one end, the rows say who and why, and nobody is mailed twice.
"""

import threading
from collections import Counter

import pytest
from django.db import connections

from campaigns.models import Campaign, DecisionAction, Run
from campaigns.sending import drain
from campaigns.services import decisions, runs
from subscribers.models import MailingList, Subscriber, Subscription
from tests.campaigns.conftest import fake
from tests.factories import campaigns as factories
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
    states_of,
)
from tests.journeys.everybody import PEOPLE, check_everybody_once, people, run

__all__ = ["fake", "people", "run"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


def test_a_subscriber_on_three_lists_gets_the_campaign_once(fake: FakeSes) -> None:
    lists = [make_list() for _ in range(3)]
    people = make_people(5, lists[0])
    Subscription.objects.bulk_create(
        Subscription(subscriber=person, mailing_list=each, state="confirmed")
        for each in lists[1:]
        for person in people
    )
    run = make_run(lists[0], list_ids=[each.pk for each in lists])
    assert run.audience == 5
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_two_send_processes_in_parallel_mail_nobody_twice(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    go = threading.Barrier(3)

    def process() -> None:
        try:
            go.wait(10)
            drain.drain(run.pk, sender=fake, seconds=20, slots=3)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=process) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check_everybody_once(run, fake, people)


def test_two_launches_that_race_make_one_run(people: list[Subscriber]) -> None:
    campaign = factories.make_campaign(subject="News")
    campaign.lists.add(MailingList.objects.latest("pk"))
    go, ends = threading.Barrier(2), Counter[str]()

    def launch() -> None:
        try:
            go.wait(10)
            runs.launch(campaign=Campaign.objects.get(pk=campaign.pk), actor=None)
            ends["launched"] += 1
        except runs.AlreadyLaunched:
            ends["refused"] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=launch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ends == {"launched": 1, "refused": 1}
    assert Run.objects.filter(campaign=campaign).count() == 1


def test_duplicate_jobs_of_one_run_mail_nobody_twice(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    for _ in range(5):
        drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_an_answer_that_was_lost_is_never_a_second_mail(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.drop()]
    drain_all(run, fake, rounds=3)
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": PEOPLE - 50, "unresolved": 50}
    # Nobody may decide while whoever made the call could still wake up.
    with pytest.raises(decisions.TooEarly):
        decisions.decide(run_id=run.pk, action=DecisionAction.RESEND, actor=None)
    drain_all(run, fake, rounds=2)
    assert fake.accepted == addresses(people)
