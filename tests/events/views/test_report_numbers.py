"""One number is the same wherever it stands, whatever happened: an oracle written from the stories of single people,
the report, the dashboard, the list of campaigns, the progress, the people behind each number, the files and the API.
"""

import csv
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Run, RunPurpose, RunState
from campaigns.tokens import UnsubscribeClaim
from events import ingest
from events.selectors import people, report
from events.services import leaving
from mailplatform.accounts.services import api_tokens
from mailplatform.core import clock
from tests.factories.accounts import AdminFactory
from tests.factories.events import PERSON_AGENT, inbound, make_delivery, make_person, make_run, payload
from tests.factories.storms import PROXY

pytestmark = pytest.mark.django_db

# How bad it is; the worst decides where a mail counts, and a complaint was delivered.
DELIVERED, SOFT, REJECTED, HARD, COMPLAINED = 30, 40, 60, 70, 80
WORST = {
    "Delivery": DELIVERED, "Open": DELIVERED, "Click": DELIVERED, "soft": SOFT, "Rendering Failure": REJECTED,
    "Reject": REJECTED, "hard": HARD, "Complaint": COMPLAINED,
}  # fmt: skip
LINKS = ("https://shop.example/spring", "https://shop.example/help")


@dataclass(frozen=True)
class Life:
    """What became of one person: the state at the first try and at the second, consent, and what came back.

    `proved` was counted as failed, and an event told of the mail before the second try was at that person.
    """

    state: str
    second: str
    tracked: bool
    heard: tuple[str, ...]
    hits: tuple[tuple[str, bool, str], ...]
    leaves: bool

    def last(self, *, is_retried: bool) -> str:
        if self.state == "proved":
            return "accepted"
        return self.second if is_retried and self.state == "failed" else self.state


@dataclass
class History:
    """A campaign as it was made: its runs and who is who."""

    runs: list[Run]
    lives: list[Life]
    persons: list[Any] = field(default_factory=list)

    @property
    def is_retried(self) -> bool:
        return len(self.runs) > 1


lives = st.builds(
    Life,
    state=st.sampled_from(
        ["accepted"] * 5 + ["failed", "failed", "proved", "skipped", "unresolved", "waiting"]
    ),
    second=st.sampled_from(["accepted", "failed"]),
    tracked=st.booleans(),
    heard=st.lists(
        st.sampled_from(
            ["Send", "Delivery", "Delivery", "DeliveryDelay", *sorted(WORST.keys() - {"Open", "Click"})]
        ),
        max_size=3,
    ).map(tuple),
    hits=st.lists(
        st.tuples(st.sampled_from(["Open", "Click"]), st.booleans(), st.sampled_from(LINKS)), max_size=4
    ).map(tuple),
    leaves=st.booleans(),
)


def make(stories: list[Life], *, with_retry: bool, seed: int) -> History:
    """Write a history as the product would: deliveries by the sender, events through the ingest, in any order."""
    rng = random.Random(seed)
    run = make_run(state=RunState.SENT, audience=len(stories))
    Run.objects.filter(pk=run.pk).update(launched_at=clock.now() - timedelta(hours=3))
    failed = [life for life in stories if life.state in {"failed", "proved"}]
    history = History([run], stories)
    if with_retry and failed:
        history.runs.append(
            Run.objects.create(
                campaign=run.campaign, template_version=run.template_version, number=2, purpose=RunPurpose.FAILED,
                source_run=run, state=RunState.SENT, audience=len(failed), frozen=run.frozen,
                launched_at=clock.now() - timedelta(hours=2),
            )
        )  # fmt: skip
    run.campaign.runs.update(finished_at=clock.now() - timedelta(hours=1))
    type(run.campaign).objects.update(state="sent")
    messages = []
    for life in stories:
        person = make_person(opens=life.tracked, clicks=life.tracked)
        history.persons.append(person)
        if life.state == "waiting":
            continue
        at = _deliver(run, person, life, "accepted" if life.state == "proved" else life.state)
        if life.state == "proved" and history.is_retried:
            _deliver(history.runs[1], person, life, "skipped", "accepted_before")
        if life.state == "failed" and history.is_retried:
            at = _deliver(history.runs[1], person, life, life.second)
        if at is not None:
            messages += _events(rng, at, person, life)
    rng.shuffle(messages)
    ingest.take_in([inbound(message) for message in messages])
    for life, person in zip(stories, history.persons, strict=True):
        if life.leaves and life.last(is_retried=history.is_retried) == "accepted":
            where = history.runs[1] if life.state == "failed" else run
            leaving.leave(claim=UnsubscribeClaim(where.pk, person.pk), method="page")
    history.runs = list(run.campaign.runs.order_by("-number"))
    return history


def _deliver(run: Run, person: Any, life: Life, state: str, reason: str = "no_basis") -> Run | None:
    make_delivery(
        run, person, state=state, reason="" if state == "accepted" else reason,
        message_id="" if state == "accepted" else "-",
        opens_tracked=life.tracked and state == "accepted", clicks_tracked=life.tracked and state == "accepted",
    )  # fmt: skip
    return run if state == "accepted" else None


def _events(rng: random.Random, run: Run, person: Any, life: Life) -> list[dict[str, Any]]:
    times = (clock.now() - timedelta(minutes=minute) for minute in itertools.count(1, rng.randrange(1, 20)))
    found = []
    for kind, at in zip(life.heard, times, strict=False):
        if kind in {"hard", "soft"}:
            bounce = "Permanent" if kind == "hard" else "Transient"
            found.append(payload("Bounce", run, person, at=at, bounceType=bounce, feedbackId=f"f-{at}"))
        else:
            found.append(payload(kind, run, person, at=at))
    for (kind, is_machine, link), at in zip(life.hits, times, strict=False):
        body: dict[str, Any] = {"userAgent": PROXY if is_machine else PERSON_AGENT}
        if kind == "Click":
            body["link"] = link
        found.append(payload(kind, run, person, at=at, **body))
    return found + rng.sample(found, len(found) // 3)  # SES tells some things twice


def expected(history: History) -> Counter[str]:
    """What the figures must be, person by person."""
    found: Counter[str] = Counter(audience=len(history.lives))
    for life in history.lives:
        state = life.last(is_retried=history.is_retried)
        found[state] += 1
        if state != "accepted":
            continue
        hits = life.hits if life.tracked else ()
        worst = max((WORST.get(kind, 0) for kind in (*life.heard, *(kind for kind, _, _ in hits))), default=0)
        found["delivered"] += worst in {DELIVERED, COMPLAINED}
        found["soft_bounced"] += worst == SOFT
        found["bounced"] += worst == HARD
        found["rejected"] += worst == REJECTED
        found["quiet"] += worst == 0
        found["delayed"] += worst == 0 and "DeliveryDelay" in life.heard
        found["complained"] += "Complaint" in life.heard
        found["unsubscribed"] += life.leaves
        found["trackable_opens"] += life.tracked
        found["trackable_clicks"] += life.tracked
        for name, kind in (("opened", "Open"), ("clicked", "Click")):
            found[name] += any(what == kind and not machine for what, machine, _ in hits)
            found[f"machine_{name}"] += any(what == kind and machine for what, machine, _ in hits)
        untracked = [] if life.tracked else [what for what, _, _ in life.hits]
        # Of these nothing is kept by which SES's own repeat could be known.
        found["untracked"] += bool(untracked)
    return found


EVENTS_NOT_PEOPLE = {"untracked_opens", "untracked_clicks"}


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories=st.lists(lives, min_size=1, max_size=10), with_retry=st.booleans(), seed=st.integers(0, 2**32))
def test_a_number_is_the_same_on_every_page_in_every_file_and_by_api(
    db: None, client: Client, stories: list[Life], with_retry: bool, seed: int
) -> None:
    _agree(client, stories, with_retry=with_retry, seed=seed)


@pytest.mark.drill
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories=st.lists(lives, min_size=1, max_size=25), with_retry=st.booleans(), seed=st.integers(0, 2**32))
def test_a_number_is_the_same_everywhere_in_long_histories(
    db: None, client: Client, stories: list[Life], with_retry: bool, seed: int
) -> None:
    _agree(client, stories, with_retry=with_retry, seed=seed)


def _agree(client: Client, stories: list[Life], *, with_retry: bool, seed: int) -> None:
    with transaction.atomic():
        history = make(stories, with_retry=with_retry, seed=seed)
        client.force_login(AdminFactory.create())
        _compare(client, history)
        transaction.set_rollback(True)


def _compare(client: Client, history: History) -> None:
    campaign = history.runs[0].campaign
    wanted = expected(history)
    figures = client.get(reverse("events:campaign_report", args=[campaign.public_id])).context["r"]
    names = [each.name for each in fields(report.Report) if each.name not in EVENTS_NOT_PEOPLE]
    assert {name: getattr(figures, name) for name in names} == {name: wanted[name] for name in names}
    assert bool(figures.untracked_opens + figures.untracked_clicks) == bool(wanted["untracked"])
    assert client.get(reverse("events:dashboard")).context["last"] == figures
    (row,) = client.get(reverse("campaigns:campaign_list")).context["campaigns"]
    assert row.last_audience == wanted["audience"]
    _people(client, history, {name: wanted[name] for name in names})
    _sending(client, history)
    for link in report.links(history.runs):
        behind = people.Choice("clicked", link_id=link.id)
        assert people.count(history.runs, behind) == link.unique


def _people(client: Client, history: History, wanted: dict[str, int]) -> None:
    """Each number leads to as many people, on the page, in the stream and in the file."""
    address = reverse("events:campaign_people_csv", args=[history.runs[0].campaign.public_id])
    decided = wanted | {"audience": wanted["audience"] - wanted["waiting"]}
    for who in people.GROUPS.keys() & decided.keys():
        choice, number = people.Choice(who), decided[who]
        assert (people.count(history.runs, choice), who) == (number, who)
        assert len(list(people.stream(history.runs, choice))) == number
    for who in ("audience", "delivered", "clicked"):
        file = client.get(f"{address}?who={who}").getvalue().decode()
        assert len(list(csv.reader(file.splitlines()))) - 1 == decided[who]


def _sending(client: Client, history: History) -> None:
    """Of each run: what the progress shows, what the API says and what the files of its recipients hold."""
    campaign, last = history.runs[0].campaign, history.runs[0]
    _, secret = api_tokens.make(name="test", scopes=api_tokens.SCOPES, owner=AdminFactory.create())
    headers = {"authorization": f"Bearer {secret}"}
    told = client.get(f"/api/v1/campaigns/{campaign.public_id}", headers=headers).json()["progress"]
    shown = client.get(reverse("campaigns:campaign_progress", args=[campaign.public_id])).context["progress"]
    assert {name: getattr(shown, name) for name in told if name != "state"} | {"state": last.state} == told
    address = reverse("campaigns:campaign_recipients_csv", args=[campaign.public_id])
    for run in history.runs:
        own = report.report(run)
        for state in ("accepted", "failed", "skipped", "unresolved"):
            file = client.get(f"{address}?run={run.number}&state={state}").getvalue().decode()
            assert len(list(csv.reader(file.splitlines()))) - 1 == getattr(own, state)
            if run == last:
                assert told[state] == getattr(own, state)
