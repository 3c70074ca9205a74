"""What segments read of a person is what a slow oracle reads off the messages, whatever order they came in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from campaigns import tokens
from campaigns.models import Run
from events import ingest, machines
from events.kinds import Kind
from events.selectors import hosted
from events.services import classifying, recounting, rollups
from mailplatform.core import clock
from subscribers.models import Profile, Subscriber
from subscribers.services import people_merging
from tests.factories.events import PERSON_AGENT, inbound, make_person, make_run, payload

AGENTS = (PERSON_AGENT, "curl/8", "Mozilla/5.0")
# (kind, second, link, agent): seconds close enough for bursts, links few enough for repeats.
HITS = st.lists(
    st.tuples(
        st.sampled_from(["Open", "Click", "Delivery"]),
        st.integers(0, 40),
        st.integers(0, 2),
        st.sampled_from(AGENTS),
    ),
    max_size=14,
)
Hit = tuple[str, int, int, str]


def oracle(hits: Sequence[Hit], start: datetime) -> tuple[int, int, datetime | None, datetime | None]:
    """Count as plainly as can be: distinct hits, less those that the table of rules calls machines."""
    delivered = min((at for kind, at, _, _ in hits if kind == "Delivery"), default=None)
    distinct = sorted(((kind, at, link), agent) for kind, at, link, agent in hits if kind != "Delivery")
    seen, judged = [], {}
    for number, ((kind, at, link), agent) in enumerate(distinct):
        event = Kind.OPEN if kind == "Open" else Kind.CLICK
        judged[number] = machines.by_user_agent(event, agent)
        seen.append(
            machines.Seen(
                number, event, start + timedelta(seconds=at), f"{kind}{link}", machines.agent_class(agent)
            )
        )
    late = machines.by_pattern(seen, None if delivered is None else start + timedelta(seconds=delivered))
    human = [hit for hit in seen if not judged[hit.key] and hit.key not in late]
    opens = [hit.at for hit in human if hit.kind is Kind.OPEN]
    clicks = [hit.at for hit in human if hit.kind is Kind.CLICK]
    return len(opens), len(clicks), max(opens, default=None), max(clicks, default=None)


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """The same hit is one event, whatever program a copy names: keep the first. A mail is delivered once."""
    found: dict[tuple[str, int, int], Hit] = {}
    for kind, at, link, agent in hits:
        key = (kind, 0 if kind == "Delivery" else at, link if kind == "Click" else 0)
        found.setdefault(key, (kind, at, key[2], agent))
    return list(found.values())


def messages(run: Run, person: Subscriber, hits: Sequence[Hit], start: datetime) -> list[Any]:
    found = []
    for kind, at, link, agent in hits:
        more: dict[str, Any] = {"link": f"https://x.example/{link}"} if kind == "Click" else {}
        if kind != "Delivery":
            more["userAgent"] = agent
        found.append(inbound(payload(kind, run, person, at=start + timedelta(seconds=at), **more)))
    return found


class TestAnyOrder(TestCase):
    """Hypothesis rolls every example back."""

    @settings(
        max_examples=12,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
    )
    @given(hits=HITS, order=st.randoms(use_true_random=False), cuts=st.lists(st.integers(1, 6), min_size=1))
    def test_profiles_equal_the_oracle_after_duplicates_disorder_and_late_marking(
        self, hits: list[Hit], order: Any, cuts: list[int]
    ) -> None:
        start = clock.now().replace(microsecond=0) - timedelta(hours=1)
        run, person = make_run(), make_person(opens=True, clicks=True)
        unique = distinct(hits)
        shuffled = messages(run, person, unique, start) * 2
        order.shuffle(shuffled)
        while shuffled:
            size = cuts[len(shuffled) % len(cuts)]
            ingest.take_in(shuffled[:size])
            shuffled = shuffled[size:]
            if order.random() < 0.3:
                self._classify_at(start + timedelta(hours=1, minutes=1))
        self._classify_at(clock.now() + timedelta(minutes=2))
        profile = Profile.objects.get(pk=person.pk)
        said = (profile.opens, profile.clicks, profile.last_opened_at, profile.last_clicked_at)
        assert said == oracle(unique, start)
        assert rollups.compare() == []
        assert recounting.compare(run.pk) == []

    def _classify_at(self, at: datetime) -> None:
        with time_machine.travel(at, tick=False):
            classifying.classify_machines()


@pytest.mark.django_db
def test_profile_that_differs_is_named_and_repaired() -> None:
    run, person = make_run(), make_person(opens=True)
    ingest.take_in([inbound(payload("Open", run, person)), inbound(payload("Delivery", run, person))])
    Profile.objects.filter(pk=person.pk).update(opens=7, last_sent_at=None)
    out = StringIO()
    with pytest.raises(CommandError, match="nor do 1 profiles"):
        call_command("recompute_counters", stdout=out)
    assert f"person {person.pk}, opens: the profile says 7, rows say 1" in out.getvalue()
    call_command("recompute_counters", repair=True, stdout=out)
    assert rollups.compare() == []
    assert Profile.objects.get(pk=person.pk).last_sent_at is not None


@pytest.mark.django_db
def test_where_old_months_are_gone_a_profile_may_know_more_but_not_less() -> None:
    run, person = make_run(), make_person(opens=True)
    ingest.take_in([inbound(payload("Open", run, person))])
    Profile.objects.filter(pk=person.pk).update(opens=9)
    assert rollups.compare(exact=False) == []
    Profile.objects.filter(pk=person.pk).update(opens=0)
    assert [item.name for item in rollups.compare(exact=False)] == ["opens"]


@pytest.mark.django_db
def test_merged_records_leave_the_time_of_the_last_mail_and_nothing_read(client: Client) -> None:
    run, keep, other = make_run(), make_person(opens=True), make_person(opens=True)
    earlier = clock.now() - timedelta(days=2)
    ingest.take_in([inbound(payload("Delivery", run, keep, at=earlier))])
    ingest.take_in([inbound(payload("Delivery", run, other)), inbound(payload("Open", run, other))])
    people_merging.merge(keep_id=keep.pk, other_id=other.pk, actor=None)
    assert rollups.compare() == []
    # The link of the old mail leads to the preferences of who stays.
    token = tokens.make_unsubscribe_token(run.pk, other.pk)
    response = client.get(reverse("events:preferences", args=[token]))
    assert response.status_code == 200
    assert hosted.reader_of(tokens.UnsubscribeClaim(run.pk, other.pk)).address == hosted.masked(keep.email)
