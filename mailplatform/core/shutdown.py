"""Tells long work in all processes of a worker that it is to end soon.

A byte of memory shared with every process forked after the import: the parent, which gets the signal, writes it,
the children read it. A lock would not do, because a child that is killed while it holds one blocks the parent.
"""

import contextlib
import mmap
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_shared: Final = mmap.mmap(-1, 1)
# Of this process alone: how much work is going on, and whether it was asked to end.
_busy: Final = [0]
_asked: Final = [False]
_child: Final = [False]


def request() -> None:
    """Ask all work of this worker to come to its end. Safe in a signal handler."""
    _shared[0] = 1


def requested() -> bool:
    """Whether work is to end: finish what is on its way, begin nothing."""
    return _shared[0] == 1 or _asked[0]


def forget() -> None:
    """Take the request back."""
    _shared[0] = 0
    _asked[0] = False


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """Around work that looks at `requested()`: in a pool's process the first SIGTERM only asks it to end.

    That is the SIGTERM which systemd or a supervisor sends to the whole group. The pool sets its own handler when
    it has started a process, so ours stands only while there is work.
    """
    before = signal.signal(signal.SIGTERM, _on_sigterm) if _is_main_thread_of_child() else None
    _busy[0] += 1
    try:
        yield
    finally:
        _busy[0] -= 1
        _asked[0] = _asked[0] and _busy[0] > 0
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def note_child() -> None:
    """Say that this process belongs to a pool, whose parent decides about its life."""
    _child[0] = True


def _is_main_thread_of_child() -> bool:
    return _child[0] and threading.current_thread() is threading.main_thread()


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    if _busy[0] and not _asked[0]:
        _asked[0] = True
        return
    sys.exit(0)
