"""The counters agree with the rows, whatever came in whatever order."""

import random
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from campaigns import tokens
from events import ingest
from events.models import Counter
from events.services import leaving, recounting
from mailplatform.core import clock
from subscribers.models import Profile
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db
KINDS = [
    "Send",
    "Delivery",
    "Bounce",
    "Complaint",
    "Open",
    "Click",
    "DeliveryDelay",
    "Reject",
    "Rendering Failure",
]


def storm(seed: int) -> int:
    """Bring a random mix of events in random groups, some twice; return the run."""
    rng = random.Random(seed)
    run = make_run()
    people = [make_person(opens=rng.random() < 0.7, clicks=rng.random() < 0.7) for _ in range(8)]
    messages: list[Any] = []
    for _ in range(120):
        person, kind = rng.choice(people), rng.choice(KINDS)
        more: dict[str, Any] = {"link": f"https://x.example/{rng.randrange(3)}"} if kind == "Click" else {}
        if kind in {"Open", "Click"} and rng.random() < 0.3:
            more["userAgent"] = "curl/8"
        if kind == "Bounce" and rng.random() < 0.5:
            more["bounceType"] = "Transient"
        data = payload(kind, run, person, at=clock.now() - timedelta(seconds=rng.randrange(20_000)), **more)
        messages += [inbound(data)] * rng.choice([1, 1, 2])
    rng.shuffle(messages)
    while messages:
        size = rng.randrange(1, 30)
        ingest.take_in(messages[:size])
        messages = messages[size:]
    claim = tokens.UnsubscribeClaim(run.pk, people[0].pk)
    leaving.leave(claim=claim, method="one_click")
    Profile.objects.filter(pk=people[7].pk).delete()
    people[7].delete()
    return run.pk


@pytest.mark.parametrize("seed", range(4))
def test_counters_agree_with_rows_after_a_storm(seed: int) -> None:
    run_id = storm(seed)
    assert recounting.compare(run_id) == []
    out = StringIO()
    call_command("recompute_counters", run_id, stdout=out)
    assert "agree" in out.getvalue()


def test_difference_is_named_and_repaired() -> None:
    run_id = storm(9)
    Counter.objects.filter(run_id=run_id, type="delivery").update(events=F("events") + 5)
    out = StringIO()
    with pytest.raises(CommandError, match="do not agree"):
        call_command("recompute_counters", run_id, stdout=out)
    assert "delivery: events counted" in out.getvalue()
    call_command("recompute_counters", run_id, repair=True, stdout=out)
    assert recounting.compare(run_id) == []
