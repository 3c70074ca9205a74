"""When a rule should have acted, by every kind of field that EventBridge takes."""

import datetime as dt

import pytest

from mailplatform.aws.provision import due

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)  # a Wednesday
LONG_AGO = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("0 7 ? * MON *", "2026-11-23 07:00"),
        ("0 7 ? * 2 *", "2026-11-23 07:00"),
        ("0 7 ? * FRI-MON *", "2026-11-23 07:00"),
        ("0 7 ? * SUN,SAT *", "2026-11-22 07:00"),
        ("0 7 ? * L *", "2026-11-21 07:00"),
        ("0 7 ? * 6L *", "2026-10-30 07:00"),
        ("0 7 ? * 6#3 *", "2026-11-20 07:00"),
        ("0 7 * * ? *", "2026-11-25 07:00"),
        ("55 11 * * ? *", "2026-11-24 11:55"),  # it may be on its way
        ("0/15 8-10 * * ? *", "2026-11-25 10:45"),
        ("5,35 */6 * * ? *", "2026-11-25 06:35"),
        ("0 0 1 * ? *", "2026-11-01 00:00"),
        ("0 0 L * ? *", "2026-10-31 00:00"),
        ("0 0 LW * ? *", "2026-10-30 00:00"),
        ("0 0 15W * ? *", "2026-11-16 00:00"),
        ("0 0 1W * ? *", "2026-11-02 00:00"),
        ("0 0 1W 8 ? *", "2026-08-03 00:00"),
        ("0 0 31W 10 ? *", "2026-10-30 00:00"),
        ("0 0 1 JAN-MAR ? *", "2026-03-01 00:00"),
        ("0 0 29 2 ? *", "2024-02-29 00:00"),
        ("0 0 1 1 ? 2020-2022", "2022-01-01 00:00"),
    ],
)
def test_the_last_time_of_a_cron_expression(fields: str, expected: str) -> None:
    found = due.missed(f"cron({fields})", LONG_AGO, NOW)
    assert f"{found:%Y-%m-%d %H:%M}" == expected


def test_what_was_heard_is_not_missed() -> None:
    weekly, monday = "cron(0 7 ? * MON *)", dt.datetime(2026, 11, 23, 7, tzinfo=dt.UTC)
    assert due.missed(weekly, monday, NOW) is None
    assert due.missed(weekly, monday - due.MINUTE, NOW) == monday
    # EventBridge fires within the minute.
    assert due.missed(weekly, monday + dt.timedelta(seconds=30), NOW) is None
    assert due.missed(weekly, monday, monday + dt.timedelta(days=7, minutes=9)) is None
    assert due.missed(weekly, monday, monday + dt.timedelta(days=7, minutes=10)) == monday + dt.timedelta(
        days=7
    )


@pytest.mark.parametrize(
    ("expression", "hours", "is_missed"),
    [
        ("rate(1 hour)", 1, False),
        ("rate(1 hour)", 1.2, True),
        ("rate(7 days)", 167, False),
        ("rate(7 days)", 169, True),
        ("rate(90 minutes)", 1.6, False),
        ("rate(90 minutes)", 1.7, True),
    ],
)
def test_a_rate_counts_from_the_last_time(expression: str, hours: float, *, is_missed: bool) -> None:
    found = due.missed(expression, NOW - dt.timedelta(hours=hours), NOW)
    assert (found is not None) is is_missed


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(1 days)",
        "cron(0 7)",
        "cron(0 7 ? * FOO *)",
        "cron(99 7 * * ? *)",
        "cron(0 7 XW * ? *)",
        "cron(0/0 7 * * ? *)",
    ],
)
def test_what_is_not_understood_is_never_missed(expression: str) -> None:
    assert due.missed(expression, LONG_AGO, NOW) is None
