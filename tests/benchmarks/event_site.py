"""Real processes of the site for benchmarks and drills: started, measured, killed with SIGKILL, started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

START_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Process:
    """One program with its output in a file."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self.log = command, environment, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                env={**os.environ, **self._environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def cpu_s(self) -> float:
        """CPU seconds of the process and of the children it waited for, and of those that still run."""
        found = 0.0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.parent.name) == self.pid or int(fields[1]) == self.pid:
                found += (int(fields[11]) + int(fields[12])) / _TICKS
        return found

    def kill(self) -> None:
        """Send SIGKILL to the whole group, as a machine that dies would."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


class Server(Process):
    """A web server process, `mailplatform.asgi:application` unless told otherwise."""

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        *,
        application: str = "mailplatform.asgi:application",
        path: str = "/sns/events/",
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._path = path
        options = [
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        super().__init__(["uvicorn", application, *options], environment, log)

    def start(self) -> None:
        super().start()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers anything at all; RuntimeError with its last words when it does not."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(self.url + self._path, timeout=2).close()  # noqa: S310 - the server that was just started
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"no answer from {self.url}:\n{self.log.read_text()[-2000:]}")


def load(
    bodies: Path,
    urls: list[str],
    *,
    connections: int = 64,
    path: str = "/sns/events/",
    acked: Path | None = None,
    seconds: float | None = None,
) -> "subprocess.Popen[str]":
    """Start the load generator; `figures_of` waits for it."""
    command = [sys.executable, "-m", "tests.benchmarks.sns_load", str(bodies), str(connections), *urls]
    command += ["--path", path]
    if acked is not None:
        command += ["--acked", str(acked)]
    if seconds is not None:
        command += ["--seconds", str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def figures_of(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return what the load generator printed; RuntimeError when it failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the load generator failed")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
