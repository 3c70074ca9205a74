"""The request to come to an end, across processes."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from mailplatform.core import shutdown


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    shutdown.forget()
    yield
    shutdown.forget()


def test_nothing_is_requested_at_first() -> None:
    assert not shutdown.requested()


def test_a_child_forked_before_learns_of_it() -> None:
    child = os.fork()
    if child == 0:
        deadline = time.monotonic() + 10
        while not shutdown.requested() and time.monotonic() < deadline:
            time.sleep(0.01)
        os._exit(0 if shutdown.requested() else 1)
    shutdown.request()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_first_signal_asks_busy_work_to_end_and_the_second_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(shutdown, "_child", [True])
    with shutdown.finishing():
        os.kill(os.getpid(), signal.SIGTERM)
        assert shutdown.requested()
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    assert not shutdown.requested()
    assert signal.getsignal(signal.SIGTERM) == before


def test_outside_a_pool_the_signal_keeps_its_handler() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with shutdown.finishing():
        assert signal.getsignal(signal.SIGTERM) == before
