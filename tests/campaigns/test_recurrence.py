"""What repeats is due once on each day that fits, whatever the clocks do."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.recurrence import DAILY, MONTHLY, WEEKLY, Rule, next_after, upcoming

BERLIN = "Europe/Berlin"


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("rule", "moment", "expected"),
    [
        # Monday at nine: an hour earlier in UTC once summer time begins (29 March 2026), and later again in October.
        (Rule(WEEKLY, dt.time(9), BERLIN, (0,)), "2026-03-23 08:00", "2026-03-30 07:00"),
        (Rule(WEEKLY, dt.time(9), BERLIN, (0,)), "2026-10-19 07:00", "2026-10-26 08:00"),
        (Rule(WEEKLY, dt.time(9), BERLIN, (0, 3)), "2026-11-23 08:00", "2026-11-26 08:00"),
        # 02:30 does not exist on 29 March: half past three then; on 25 October it comes twice: the first.
        (Rule(DAILY, dt.time(2, 30), BERLIN), "2026-03-28 12:00", "2026-03-29 01:30"),
        (Rule(DAILY, dt.time(2, 30), BERLIN), "2026-03-29 01:30", "2026-03-30 00:30"),
        (Rule(DAILY, dt.time(2, 30), BERLIN), "2026-10-24 12:00", "2026-10-25 00:30"),
        (Rule(DAILY, dt.time(2, 30), BERLIN), "2026-10-25 00:30", "2026-10-26 01:30"),
        (Rule(MONTHLY, dt.time(12), "UTC", month_day=31), "2026-02-01 00:00", "2026-02-28 12:00"),
        (Rule(MONTHLY, dt.time(12), "UTC", month_day=31), "2026-02-28 12:00", "2026-03-31 12:00"),
        (Rule(DAILY, dt.time(0), "Pacific/Kiritimati"), "2026-06-01 09:59", "2026-06-01 10:00"),
        # Samoa went from 29 to 31 December 2011.
        (Rule(DAILY, dt.time(12), "Pacific/Apia"), "2011-12-29 22:00", "2011-12-30 22:00"),
    ],
)
def test_the_next_time(rule: Rule, moment: str, expected: str) -> None:
    assert next_after(rule, utc(moment)) == utc(expected)


def test_a_rule_without_days_says_so() -> None:
    with pytest.raises(ValueError, match="fits no day"):
        next_after(Rule(WEEKLY, dt.time(9), "UTC"), utc("2026-01-01"))


RULES = st.builds(
    Rule,
    st.sampled_from([DAILY, WEEKLY, MONTHLY]),
    st.times(),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
    st.sets(st.integers(0, 6), min_size=1).map(tuple),
    st.integers(1, 31),
)


@given(RULES, st.integers(0, 12_000))
def test_times_grow_and_only_days_that_fit_have_one(rule: Rule, day: int) -> None:
    times = list(upcoming(rule, utc("2000-01-01") + dt.timedelta(days=day), 8))
    assert times == sorted(set(times))
    days = [time.astimezone(ZoneInfo(rule.zone)).date() for time in times]
    # A wall time that the clocks skip may be past midnight.
    assert all(rule.fits(day) or rule.fits(day - dt.timedelta(days=1)) for day in days)
