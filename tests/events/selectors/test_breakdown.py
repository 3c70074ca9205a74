"""A report's breakdowns, alone and of a launch with its retries: each number has as many people behind it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Delivery, Run, RunPurpose
from events import ingest
from events.models import Digest
from events.selectors import breakdown, past_runs, people, report
from events.services import digesting
from mailplatform.core import clock
from subscribers.models import MailingList, Segment, Subscription
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db
COLUMNS = {
    "accepted": "reached", "delivered": "delivered", "all_bounced": "all_bounced", "opened": "opened",
    "clicked": "clicked", "unsubscribed": "unsubscribed", "complained": "complained",
}  # fmt: skip


def with_list_and_segment(run: Run) -> Run:
    ids = list(Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", flat=True))
    mailing_list = MailingList.objects.create(name="Readers")
    Subscription.objects.bulk_create(
        Subscription(subscriber_id=pk, mailing_list=mailing_list, state="pending")
        for pk in ids[: len(ids) // 2]
    )
    rule = {"subject": "email", "operator": "contains", "value": "-1"}
    segment = Segment.objects.create(name="Ones", rules={"match": "all", "rules": [rule]})
    # Not saved: what a run sends is frozen.
    run.frozen |= {"list_ids": [mailing_list.pk], "segment_ids": [segment.pk]}
    return run


def test_every_number_of_every_part_has_its_people() -> None:
    run = with_list_and_segment(make_finished_campaign(40))
    found = breakdown.compute(run)
    kinds: dict[str, list[breakdown.Part]] = {
        "provider": found.providers, "list_id": found.lists, "segment_id": found.segments,
    }  # fmt: skip
    for name, parts in kinds.items():
        assert parts, name
        for part in parts:
            key: Any = part.key if name == "provider" else int(part.key)
            for column, who in COLUMNS.items():
                choice = people.Choice(who, **{name: key})
                assert people.count(run, choice) == getattr(part, column), (name, column)
                assert len(people.page(run, choice).rows) == min(getattr(part, column), people.PAGE)
    for hit in found.devices:
        assert people.count(run, people.Choice("engaged", device=hit.key)) == hit.people > 0
    for hit in found.machines:
        assert people.count(run, people.Choice("machine", machine=hit.key)) == hit.people > 0
    assert people.count(run, people.Choice("not_opened")) == found.not_opened > 0
    assert people.count(run, people.Choice("not_clicked")) == found.not_clicked > 0
    assert sum(part.accepted for part in found.providers) == report.report(run).accepted


def test_digest_says_what_the_rows_say_and_a_large_report_reads_it_alone(
    django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    run = with_list_and_segment(make_finished_campaign(30))
    digesting.digest(run)
    small = report.report(run)
    fresh = breakdown.compute(run)
    monkeypatch.setattr(breakdown, "LIVE_BELOW", 10)
    kept = breakdown.breakdown(run)
    assert kept is not None
    assert breakdown.keep(kept) == breakdown.keep(fresh)
    # One digest and the sums of the counters: no delivery, outcome or event is looked at, however many there are.
    with django_assert_num_queries(2):
        assert report.report(run) == small
    Digest.objects.all().delete()
    assert breakdown.breakdown(run) is None


def test_digest_is_made_anew_when_something_was_heard(time_machine: Any) -> None:
    start = clock.now()
    time_machine.move_to(start, tick=False)
    run, person = make_run(state="sent", audience=1), make_person()
    make_delivery(run, person)
    digesting.digest(run)
    time_machine.move_to(start + timedelta(hours=3), tick=False)
    assert digesting.digest_runs() == 0
    ingest.take_in([inbound(payload("Delivery", run, person))])
    assert digesting.digest_runs() == 1
    assert digesting.digest_runs() == 0
    assert breakdown.restore(Digest.objects.get(pk=run.pk)).providers[0].delivered == 1


def test_launch_and_its_retry_add_up_honestly() -> None:
    launch = make_run(state="sent", audience=5)
    everybody = [make_person(opens=True) for _ in range(5)]
    for number, person in enumerate(everybody):
        state = "accepted" if number < 2 else "failed"
        make_delivery(
            launch,
            person,
            state=state,
            reason="" if state == "accepted" else "message_rejected",
            opens_tracked=True,
        )
    retry = Run.objects.create(
        campaign=launch.campaign, number=2, state="sent", template_version=launch.template_version,
        frozen=launch.frozen, audience=3, purpose=RunPurpose.FAILED, source_run=launch, launched_at=clock.now(),
    )  # fmt: skip
    for person, state in zip(everybody[2:], ("accepted", "failed", "skipped"), strict=True):
        make_delivery(retry, person, state=state, reason="", opens_tracked=state == "accepted")
    events = [
        ("Delivery", launch, 0), ("Open", launch, 0), ("Bounce", launch, 1), ("Delivery", retry, 2), ("Open", retry, 2),
    ]  # fmt: skip
    ingest.take_in([inbound(payload(kind, run, everybody[number])) for kind, run, number in events])
    whole = report.report([launch, retry])
    assert (whole.audience, whole.accepted, whole.failed, whole.skipped) == (5, 3, 1, 1)
    assert whole.audience == whole.accepted + whole.failed + whole.skipped + whole.unresolved + whole.waiting
    assert (whole.delivered, whole.opened, whole.bounced, whole.trackable_opens) == (2, 2, 1, 3)
    for who in (
        "audience",
        "accepted",
        "failed",
        "skipped",
        "delivered",
        "opened",
        "bounced",
        "trackable_opens",
    ):
        assert people.count([launch, retry], people.Choice(who)) == getattr(whole, who), who
    parts = breakdown.merged([breakdown.compute(launch), breakdown.compute(retry)])
    assert sum(part.delivered for part in parts.providers) == 2
    assert report.report(launch).failed == 3


def test_own_average_is_of_the_campaigns_before() -> None:
    first = make_finished_campaign(30)
    digesting.digest(first)
    second = make_run(state="sent")
    found = past_runs.average(second)
    assert found is not None
    figures = report.report(first)
    assert found.campaigns == 1
    assert found.delivered == pytest.approx(100 * figures.delivered / figures.accepted)
    assert found.opened == pytest.approx(100 * figures.opened / figures.trackable_opens)
    assert past_runs.average(first) is None


def test_a_run_that_just_grew_is_counted_without_a_loop_in_a_loop() -> None:
    """Before anybody analysed the tables a planner takes every run for a single person."""
    run = with_list_and_segment(make_finished_campaign(40))
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (FORMAT JSON) " + breakdown._ROWS, {"run": run.pk, "lists": run.frozen["list_ids"]}
        )
        plan = cursor.fetchone()[0][0]["Plan"]
    inner = [
        node
        for loop in walk(plan) if loop["Node Type"] == "Nested Loop"
        for node in walk(loop["Plans"][1]) if "Relation Name" in node
    ]  # fmt: skip
    # What a loop repeats is a look-up of one person's subscriptions by all columns of an index.
    (look_up,) = inner
    wanted = {"subscription_members": 3, "one_subscription_per_list": 2}[look_up["Index Name"]]
    assert look_up["Index Cond"].count(" = ") == wanted


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)
