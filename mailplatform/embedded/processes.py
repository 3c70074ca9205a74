"""Finding and ending the servers' processes without trusting a process id that may have been given away."""

import contextlib
import os
import signal
import time
from pathlib import Path


def read_pid(path: Path) -> int | None:
    """The first line of a pid file; None when there is none or it is half-written."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def is_running(pid: int | None, *, mark: str) -> bool:
    """Whether the process lives and its command line holds `mark` (a path that only our server names)."""
    if pid is None or pid <= 0:
        return False
    if Path("/proc/self").exists():
        try:
            return os.fsencode(mark) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end(pid: int, *, mark: str, signals: tuple[signal.Signals, ...], seconds_each: float = 15) -> bool:
    """Send each signal in turn until the process is gone; false when it outlives all."""
    for number in signals:
        if not is_running(pid, mark=mark):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds_each
        while time.monotonic() < deadline:
            if not is_running(pid, mark=mark):
                return True
            time.sleep(0.02)
    return not is_running(pid, mark=mark)
