"""The scale of a trial shortens what is waited for, and keeps the order that the promises rest on."""

import importlib.util
from collections.abc import Callable
from types import ModuleType

import pytest
from pytest_django import Settings

from campaigns.sending import timing


@pytest.fixture
def at_scale(settings: Settings) -> Callable[[float], ModuleType]:
    def load(scale: float) -> ModuleType:
        settings.SENDING_TIME_SCALE = scale
        spec = importlib.util.find_spec("campaigns.sending.timing")
        assert spec is not None
        assert spec.loader is not None
        # A second copy: the one that the product uses stays as it is.
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_outside_a_trial_nothing_is_scaled() -> None:
    assert timing.CALL_LEASE.total_seconds() == 60
    assert timing.BATCH_LEASE.total_seconds() == 120
    assert timing.DECISION_FENCE.total_seconds() == 1800
    assert timing.RETRY_WAITS[2].total_seconds() == 90
    assert timing.BUSY_RETRY.total_seconds() == 1


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.1, 0.01, 0.0001])
def test_the_order_of_the_times_stays(at_scale: Callable[[float], ModuleType], scale: float) -> None:
    at = at_scale(scale)
    lease, fence = at.CALL_LEASE.total_seconds(), at.DECISION_FENCE.total_seconds()
    assert at.CONNECT_TIMEOUT_S + at.READ_TIMEOUT_S < lease < fence < at.SILENCE_FENCE.total_seconds()
    assert lease < at.BATCH_LEASE.total_seconds()
    assert at.CHECK_TO_SOCKET_S == 2.0
    assert lease > at.CHECK_TO_SOCKET_S
    assert list(at.RETRY_WAITS) == sorted(at.RETRY_WAITS)


def test_silence_decides_only_when_sns_has_given_up() -> None:
    """At the most an hour, whatever the delivery policy says: then the event lies in the dead-letter queue."""
    assert timing.SILENCE_FENCE.total_seconds() > 3600


def test_a_scale_shortens_down_to_what_a_busy_machine_can_keep(
    at_scale: Callable[[float], ModuleType],
) -> None:
    assert at_scale(0.1).CALL_LEASE.total_seconds() == 6
    assert at_scale(0.001).CALL_LEASE.total_seconds() == 5
    assert at_scale(0.1).DECISION_FENCE.total_seconds() == 180


def test_least_never_lengthens_a_time(settings: Settings) -> None:
    settings.SENDING_TIME_SCALE = 1.0
    assert timing.scaled(0.2, least=5) == 0.2
