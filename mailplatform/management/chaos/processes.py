"""The processes of a trial: started, killed, frozen and started again, each in a process group of its own."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Process:
    """One program that may die at any time. `clock_file` holds the seconds by which its clock is wrong."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    running: "subprocess.Popen[bytes] | None" = None
    groups: list[int] = field(default_factory=list)

    @property
    def clock_file(self) -> Path:
        """Where this process reads the error of its clock."""
        return self.directory / f"{self.name}.clock"

    def start(self) -> None:
        """Start it anew; what is left of an earlier life goes on beside it until `end`."""
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env={**self.environment, "MAILPLATFORM_CLOCK_FILE": str(self.clock_file)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.groups.append(self.running.pid)
        # Whoever started us can end the group when we are killed ourselves.
        with (self.directory / "groups").open("a") as file:
            file.write(f"{self.running.pid}\n")

    def is_alive(self) -> bool:
        """Whether its first process lives."""
        return self.running is not None and self.running.poll() is None

    def kill(self, how: str = "group") -> bool:
        """`kill -9` the whole group, one `child` or only the `parent`; `terminate` asks it to end. False: was dead."""
        if self.running is None or not self.is_alive():
            return False
        if how == "terminate":
            self.running.send_signal(signal.SIGTERM)
        elif how == "parent":
            self.running.kill()
        elif how == "child" and (children := children_of(self.running.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(children[-1], signal.SIGKILL)
        else:
            self._signal(signal.SIGKILL)
        return True

    def freeze(self) -> None:
        """Stop the whole group as a suspended machine would."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._signal(signal.SIGCONT)

    def set_clock(self, seconds: float) -> None:
        """Set its clock wrong by so many seconds; never a half-written number."""
        draft = self.clock_file.with_suffix(".draft")
        draft.write_text(f"{seconds:.3f}")
        draft.rename(self.clock_file)

    def end(self, seconds: float = 5.0) -> None:
        """Ask every group that it ever had to end, then kill it."""
        for number in (signal.SIGCONT, signal.SIGTERM):
            self._signal(number, every=True)
        if self.running is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.running.wait(seconds)
        self._signal(signal.SIGKILL, every=True)
        if self.running is not None:
            self.running.wait()
        self.groups.clear()

    def _signal(self, number: signal.Signals, *, every: bool = False) -> None:
        for group in self.groups if every else self.groups[-1:]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)


def children_of(pid: int) -> list[int]:
    """The living children of a process, by number (Linux; elsewhere none are found and the group is killed)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            # The name in brackets may hold anything; behind it stand the state and the parent.
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.parent.name))
    return sorted(found)


def wait_gone(process: Process, seconds: float) -> None:
    """Wait until the first process of `process` has ended."""
    deadline = time.monotonic() + seconds
    while process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)


def end_groups(directory: Path) -> None:
    """Kill what processes started from `directory` have left behind; each group is recognised by its environment."""
    file = directory / "groups"
    if not file.exists():
        return
    for line in file.read_text().split():
        if _is_ours(int(line), directory):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(line), signal.SIGKILL)
    file.unlink()


def _is_ours(group: int, directory: Path) -> bool:
    """Whether some member of the group was given a clock of this directory: its number may be somebody else's now."""
    mark = os.fsencode(f"MAILPLATFORM_CLOCK_FILE={directory}/")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(entry.name)) == group and mark in (entry / "environ").read_bytes():
                return True
    return False
