"""Who uses the services: kernel locks on two files, so that a killed process leaves no trace to clean up.

`exclusively` serialises starting and stopping. Each user holds a shared lock on the users file; whoever can
turn it into an exclusive one is the last, and may stop the services.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import EmbeddedError


@contextmanager
def exclusively(path: Path, *, seconds: float = 120) -> Iterator[None]:
    """Hold the file's lock; waits for another starter, at most `seconds`."""
    handle = _open(path)
    try:
        deadline = time.monotonic() + seconds
        while not _try_lock(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                message = (
                    f"another process has been starting or stopping the services for {seconds:.0f} s: {path}"
                )
                raise EmbeddedError(message)
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


class Usage:
    """One process's share in the services."""

    def __init__(self, path: Path) -> None:
        self._handle = _open(path)
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def give_up(self) -> bool:
        """Release the share; true when nobody else holds one. Call it inside `exclusively`."""
        last = _try_lock(self._handle, fcntl.LOCK_EX)
        os.close(self._handle)
        return last


def in_use(path: Path) -> bool:
    handle = _open(path)
    try:
        return not _try_lock(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
