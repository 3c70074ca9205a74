"""The safety stop has floors, so that one bounce of thirteen stops nobody."""

import pytest

from events import safety
from events.safety import Figures


@pytest.mark.parametrize(
    ("accepted", "bounced", "complained", "stops"),
    [
        (1_000, 50, 0, "bounced"),
        (1_000, 49, 0, ""),
        (1_000, 0, 5, "complained"),
        (1_000, 0, 4, ""),
        (10_000, 0, 9, ""),
        (10_000, 0, 10, "complained"),
        (999, 900, 900, ""),
        (13, 1, 0, ""),
        (100_000, 4_999, 99, ""),
        (0, 0, 0, ""),
    ],
)
def test_when_a_run_stops(accepted: int, bounced: int, complained: int, stops: str) -> None:
    found = safety.danger(Figures("Gmail", accepted, bounced, complained))
    assert stops in (found.words if found else "")
    assert (found is None) is (stops == "")


def test_reason_names_provider_figures_and_limit() -> None:
    found = safety.danger(Figures("Gmail", 2_000, 120, 0))
    assert found is not None
    assert found.words.startswith("120 of 2,000 mails bounced at Gmail (6.0%; the limit is 5.0%)")


def test_limits_can_be_set() -> None:
    limits = safety.Limits(bounces=1, accepted=10)
    assert safety.danger(Figures("", 10, 1, 0), limits)


def test_unrendered_mails_stop_without_much_volume_and_only_in_all() -> None:
    assert safety.danger(Figures("", 100, 0, 0, 20))
    assert safety.danger(Figures("Gmail", 100, 0, 0, 20)) is None
    assert safety.danger(Figures("", 10_000, 0, 0, 100)) is None


def test_only_what_came_since_counts() -> None:
    before = {"Gmail": [1_000, 80, 0, 0]}
    assert safety.since(Figures("Gmail", 2_500, 90, 1), before) == Figures("Gmail", 1_500, 10, 1)
    assert safety.since(Figures("Yahoo", 5, 1, 0), before) == Figures("Yahoo", 5, 1, 0)
    assert safety.since(Figures("Gmail", 900, 0, 0), before) == Figures("Gmail", 0, 0, 0)


def test_the_whole_is_named_before_its_parts() -> None:
    found = safety.first_danger([Figures("Gmail", 1_000, 100, 0), Figures("", 2_000, 200, 0)])
    assert found is not None
    assert found.provider == ""
