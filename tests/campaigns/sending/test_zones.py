"""One wall time, many instants."""

import datetime as dt

import pytest

from campaigns.sending import zones


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2026-03-28T09:00", "Europe/Berlin", "2026-03-28T08:00+00:00"),
        ("2026-03-29T09:00", "Europe/Berlin", "2026-03-29T07:00+00:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30+00:00"),  # skipped: an hour later, 03:30
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30+00:00"),  # twice: the first
        ("2026-07-01T09:00", "Pacific/Kiritimati", "2026-06-30T19:00+00:00"),
        ("2026-07-01T09:00", "", "2026-07-01T07:00+00:00"),
        ("2026-07-01T09:00", "../etc/passwd", "2026-07-01T07:00+00:00"),
        ("2026-07-01T09:00", "Nowhere/Land", "2026-07-01T07:00+00:00"),
    ],
)
def test_the_instant_of_a_wall_time(wall: str, zone: str, expected: str) -> None:
    found = zones.instant(dt.datetime.fromisoformat(wall), zone, fallback="Europe/Berlin")
    assert found == dt.datetime.fromisoformat(expected)


def test_all_zones_lie_within_the_longest_span() -> None:
    found = zones.instants(dt.datetime.fromisoformat("2026-07-01T09:00"))
    assert len(found) > 400
    assert max(found.values()) - min(found.values()) <= zones.LONGEST_SPAN
