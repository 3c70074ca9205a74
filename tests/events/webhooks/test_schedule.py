"""A message is tried for about a day, with growing waits."""

import random
from datetime import timedelta

from events.webhooks import schedule


def test_waits_grow_and_end_after_about_a_day() -> None:
    waits = [schedule.next_wait(n, rng=random.Random(n)) for n in range(1, schedule.TRIES)]
    assert all(waits)
    total = sum((wait for wait in waits if wait), timedelta())
    assert timedelta(hours=20) < total < timedelta(hours=27)
    assert schedule.next_wait(schedule.TRIES) is None


def test_server_that_asks_for_time_gets_it() -> None:
    assert schedule.next_wait(1, retry_after_s=900) == timedelta(minutes=15)
