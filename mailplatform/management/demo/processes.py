"""Starts the processes of the demo, watches them and stops them again, in the reverse order."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


class ProcessDiedError(Exception):
    """A process of the demo ended by itself. `log` is the file with its last words."""

    def __init__(self, name: str, code: int, log: Path | None = None) -> None:
        """Remember which process ended, how, and where its output is (none: it was on the terminal)."""
        where = f" Its output is in {log}." if log else " Its words are above."
        super().__init__(f"The {name} process stopped with code {code}.{where}")
        self.log = log


def hold_free_port(wanted: int, host: str = "127.0.0.1", tries: int = 50) -> socket.socket:
    """Take the first port from `wanted` upwards that nothing listens on, and keep it until the socket is closed.

    Without that, of two demos started together one would end up talking to the other's site.
    """
    for port in range(wanted, wanted + tries):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((host, port))
            held.listen(1)
        except OSError:
            held.close()
            continue
        return held
    message = f"No free port between {wanted} and {wanted + tries - 1}. Stop something that listens there."
    raise OSError(message)


def answers(url: str) -> bool:
    """Return whether `url` answers at all; an error page is an answer too."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@dataclass
class Supervisor:
    """Owns the child processes. Each is its own process group, so that a Ctrl-C reaches the supervisor first."""

    environment: Mapping[str, str]
    log_dir: Path
    children: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start `command` in the background; its output goes to `<log_dir>/<name>.log`."""
        self.log_dir.mkdir(parents=True, exist_ok=True)
        with self.log_path(name).open("ab") as log:
            child = subprocess.Popen(
                command,
                env=dict(self.environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.children.append((name, child))

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run `command` to its end in the foreground; raise ProcessDiedError when it fails."""
        code = subprocess.run(command, env=dict(self.environment), check=False).returncode
        if code:
            raise ProcessDiedError(name, code)

    def log_path(self, name: str) -> Path:
        """Return the file that holds the output of process `name`."""
        return self.log_dir / f"{name}.log"

    def check(self) -> None:
        """Raise ProcessDiedError when a background process ended."""
        for name, child in self.children:
            code = child.poll()
            if code is not None:
                raise ProcessDiedError(name, code, self.log_path(name))

    def wait_for(self, url: str, seconds: float = 60) -> None:
        """Wait until `url` answers; raise TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not answers(url):
            self.check()
            if time.monotonic() > deadline:
                message = (
                    f"{url} did not answer within {seconds:.0f} seconds. The logs are in {self.log_dir}."
                )
                raise TimeoutError(message)
            time.sleep(0.1)
        # What answered may be a stranger's process on the port that ours could not have.
        self.check()

    def watch(self) -> None:
        """Block until a background process ends by itself."""
        while True:
            self.check()
            time.sleep(1)

    def stop(self, seconds: float = 15) -> None:
        """Ask each process to end, the last started first, and kill what has not ended in time.

        Only the process itself is asked: a worker lets its children finish what they have on its way.
        """
        for _, child in reversed(self.children):
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        deadline = time.monotonic() + seconds
        for _, child in reversed(self.children):
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.children.clear()


def python(*arguments: str) -> list[str]:
    """Return the command line that runs this very Python with `arguments`."""
    return [sys.executable, *arguments]
