"""The clock can be injected."""

import datetime as dt

import time_machine

from mailplatform.core import clock


def test_now_is_aware_and_follows_the_test_s_clock() -> None:
    moment = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)
    with time_machine.travel(moment, tick=False):
        assert clock.now() == moment
