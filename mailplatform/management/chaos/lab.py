"""Everything that runs in a trial, and the hands that break it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from mailplatform.embedded import postgres, redis_server
from mailplatform.embedded.binaries import find_postgres, find_redis
from mailplatform.embedded.layout import Layout
from mailplatform.embedded.locks import exclusively
from mailplatform.embedded.processes import is_running, read_pid
from mailplatform.management.demo.processes import answers, python
from mailplatform.management.demo.sandbox_client import SandboxClient

from . import schedule
from .processes import Process, children_of, wait_gone

SECONDS_TO_START: Final = 90.0
QUEUES: Final = "urgent,sending,ingest,default"
_CELERY: Final = ("-m", "celery", "-A", "mailplatform")


@dataclass
class Lab:
    """Postgres, Redis and the sandbox, three workers, two beats and the site. `directory` keeps logs and clocks."""

    directory: Path
    layout: Layout
    environment: Mapping[str, str]
    say: Callable[[str], None]
    processes: dict[str, Process] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sandbox = SandboxClient(self.environment["SANDBOX_URL"])
        port = self.environment["PUBLIC_URL"].rsplit(":", 1)[1]
        web = ("-m", "uvicorn", "mailplatform.asgi:application", "--port", port, "--no-access-log")
        self._add(schedule.WEB, *web, "--log-level", "warning")
        for name in schedule.WORKERS:
            options = ("-Q", QUEUES, "-c", "2", "-n", f"{name}@lab", "-l", "WARNING")
            quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
            self._add(name, *_CELERY, "worker", *options, *quiet)
        for name in schedule.BEATS:
            self._add(name, *_CELERY, "beat", "-s", str(self.directory / f"{name}.schedule"), "-l", "WARNING")

    def _add(self, name: str, *arguments: str) -> None:
        self.processes[name] = Process(name, python(*arguments), self.environment, self.directory)

    def start_sandbox(self) -> None:
        """Start the stand-in for Amazon, which never dies: it is the witness."""
        port = self.environment["SANDBOX_URL"].rsplit(":", 1)[1]
        process = Process(
            "sandbox",
            python(
                *("-m", "mailplatform.sandbox", "--port", port, "--max-24-hour-send", "-1"),
                *("--signature-age", str(schedule.SIGNATURE_AGE), "--retry-scale", "0.02"),
                *("--send-delay", "0.02", "--delivery-delay", "0.1"),
            ),
            self.environment,
            self.directory,
        )
        self.processes["sandbox"] = process
        process.start()
        self._wait_for(process, self.environment["SANDBOX_URL"] + "/_sandbox/api/events")

    def start_site(self) -> None:
        """Start the site and wait until it answers: SNS's subscription is confirmed by it."""
        self.processes[schedule.WEB].start()
        self._wait_for(self.processes[schedule.WEB], self.environment["PUBLIC_URL"] + "/account/login/")

    def start_rest(self) -> None:
        """Start whatever of workers, beats and site does not live."""
        for name, process in self.processes.items():
            if name != "sandbox" and not process.is_alive():
                process.start()

    def _wait_for(self, process: Process, url: str) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(url):
            if not process.is_alive() or time.monotonic() > deadline:
                raise TimeoutError(f"{process.name} does not answer; see {self.directory}/{process.name}.log")
            time.sleep(0.1)

    # --- Breaking -------------------------------------------------------------------------------------------

    def kill(self, name: str, how: str) -> bool:
        """Kill a process or a server. False when it was dead already."""
        if name == schedule.POSTGRES:
            return self._kill_postgres(how)
        if name == schedule.REDIS:
            return _signal_pid(self._redis_pid, str(self.layout.redis_socket), signal.SIGKILL)
        return self.processes[name].kill(how)

    def restart(self, name: str) -> None:
        """Start again what was killed."""
        if name in {schedule.POSTGRES, schedule.REDIS}:
            self.start_servers()
        elif name in self.processes:
            process = self.processes[name]
            process.kill()
            wait_gone(process, 5)
            process.start()

    def is_alive(self, name: str) -> bool:
        """Whether the first process of that name lives; servers are told by themselves."""
        return name in self.processes and self.processes[name].is_alive()

    def start_servers(self) -> None:
        """Start Postgres and Redis where they do not run; both recover by themselves."""
        with exclusively(self.layout.lock_file):
            postgres.start(postgres.server(self.layout, find_postgres()))
            redis_server.start(self.layout, find_redis())

    def flush(self) -> None:
        """Empty Redis: the broker's queues, the rate's buckets, the cache."""
        with contextlib.suppress(redis.RedisError):
            client = redis.Redis(unix_socket_path=str(self.layout.redis_socket), socket_timeout=5)
            client.flushall()
            client.close()

    def freeze(self, name: str) -> None:
        """Stop a process or server where it stands."""
        self.frozen.add(name)
        self._stop_or_go(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self.frozen.discard(name)
        self._stop_or_go(name, signal.SIGCONT)

    def _stop_or_go(self, name: str, number: signal.Signals) -> None:
        if name == schedule.POSTGRES:
            # Its children serve the connections; they are processes of their own.
            pid = self._postgres_pid
            for each in [pid, *children_of(pid)] if pid else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, number)
        elif name == schedule.REDIS:
            _signal_pid(self._redis_pid, str(self.layout.redis_socket), number)
        elif number is signal.SIGSTOP:
            self.processes[name].freeze()
        else:
            self.processes[name].thaw()

    def set_clock(self, name: str, seconds: float) -> None:
        """Set the clock of a process wrong."""
        self.processes[name].set_clock(seconds)

    def misbehave(self, **faults: object) -> None:
        """Replace the sandbox's faults."""
        self.sandbox.call("PUT", "misbehave", dict(faults))

    def _kill_postgres(self, how: str) -> bool:
        number = signal.SIGQUIT if how == "immediate" else signal.SIGKILL
        pid, data = self._postgres_pid, str(self._postgres.data)
        if not _signal_pid(pid, data, number):
            return False
        deadline = time.monotonic() + 20
        while is_running(pid, mark=data) and time.monotonic() < deadline:
            time.sleep(0.02)
        return True

    @property
    def _postgres(self) -> postgres.Server:
        return postgres.server(self.layout, find_postgres())

    @property
    def _postgres_pid(self) -> int | None:
        return self._postgres.pid

    @property
    def _redis_pid(self) -> int | None:
        return read_pid(self.layout.redis_home / "redis.pid")

    # --- Mending --------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Everything runs again, every clock is right, Amazon behaves."""
        for name in tuple(self.frozen):
            self.thaw(name)
        for process in self.processes.values():
            process.set_clock(0)
        self.start_servers()
        self.start_rest()
        self.misbehave()
        self._wait_for(self.processes[schedule.WEB], self.environment["PUBLIC_URL"] + "/account/login/")

    def end(self) -> None:
        """End every process; the servers are their owner's."""
        for name in tuple(self.frozen):
            self.thaw(name)
        for process in reversed(self.processes.values()):
            process.end()


def _signal_pid(pid: int | None, mark: str, number: signal.Signals) -> bool:
    if pid is None or not is_running(pid, mark=mark):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    return True
