"""A campaign that went out and came back, for pages that show what became of it."""

import random
from datetime import timedelta
from typing import Any

from campaigns.models import Run, RunState
from events import ingest
from mailplatform.core import clock

from .events import inbound, make_delivery, make_person, make_run, payload

SCANNER = "Mimecast Targeted Threat Protection"


def make_finished_campaign(size: int = 60) -> Run:
    """Make a run with people who read, click, bounce, complain, and some who were skipped."""
    rng, now = random.Random(7), clock.now()
    run = make_run(state=RunState.SENT, audience=size)
    run.campaign.name = "Spring sale for everybody who likes flowers"
    run.campaign.state = "sent"
    run.campaign.save()
    run.launched_at = now - timedelta(hours=9)
    run.finished_at = now - timedelta(hours=8)
    run.save()
    events = []
    for number in range(size):
        person = make_person(f"reader-{number}@gmail.com", opens=number % 3 > 0, clicks=number % 4 > 0)
        if number % 12 == 5:
            make_delivery(
                run,
                person,
                state="skipped",
                message_id="-",
                reason="unsubscribed" if number % 2 else "no_basis",
            )
            continue
        make_delivery(run, person, opens_tracked=number % 3 > 0, clicks_tracked=number % 4 > 0)
        at = run.launched_at + timedelta(minutes=number)
        events.append(payload("Send", run, person, at=at))
        if number % 20 == 3:
            events.append(payload("Bounce", run, person, at=at))
            continue
        events.append(payload("Delivery", run, person, at=at + timedelta(seconds=3)))
        if number == 30:
            events.append(payload("Complaint", run, person, at=at + timedelta(hours=1)))
        for _ in range(rng.randrange(3)):
            later = min(at + timedelta(minutes=rng.randrange(5, 400)), now)
            agent: dict[str, Any] = (
                {"userAgent": rng.choice([SCANNER, "Mozilla/5.0"])} if rng.random() < 0.3 else {}
            )
            events.append(payload("Open", run, person, at=later, **agent))
            link = rng.choice(
                [
                    "https://shop.example/spring?utm_source=mail&utm_campaign=flowers",
                    "https://shop.example/help",
                ]
            )
            events.append(payload("Click", run, person, at=later, link=link, **agent))
    ingest.take_in([inbound(item) for item in events])
    return run
