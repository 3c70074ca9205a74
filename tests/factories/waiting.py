"""Waiting for what another process or the database does in its own time."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, timeout: float = 60.0) -> None:
    """Ask again until the condition holds; AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.05)
