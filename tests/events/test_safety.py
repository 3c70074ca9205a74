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
    reason = safety.danger(Figures("Gmail", accepted, bounced, complained))
    assert (stops in reason) if stops else reason == ""


def test_reason_names_provider_figures_and_limit() -> None:
    reason = safety.danger(Figures("Gmail", 2_000, 120, 0))
    assert reason.startswith("120 of 2,000 mails bounced at Gmail (6.0%; the limit is 5%)")


def test_limits_can_be_set() -> None:
    limits = safety.Limits(bounces=1, accepted=10)
    assert safety.danger(Figures("", 10, 1, 0), limits)
