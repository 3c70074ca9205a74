"""One Redis server on a unix socket. It holds nothing that must outlive it: no file is written."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from .errors import EmbeddedError
from .layout import Layout
from .postgres import private_folder
from .processes import end, read_pid

SECONDS_TO_START = 10


def start(layout: Layout, program: Path) -> None:
    """Start it; returns at once when it answers. Call it under the lock."""
    if answers(layout):
        return
    stop(layout)  # one that lives but does not answer
    for folder in (layout.redis_home, layout.socket_dir):
        private_folder(folder, os.geteuid())
    log = layout.redis_home / "redis.log"
    log.unlink(missing_ok=True)
    command: list[str | Path] = [
        program, "--port", "0", "--unixsocket", layout.redis_socket, "--unixsocketperm", "700",
        "--save", "", "--appendonly", "no", "--dir", layout.redis_home, "--databases", "64",
        "--daemonize", "yes", "--pidfile", _pid_file(layout), "--logfile", log,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    deadline = time.monotonic() + SECONDS_TO_START
    while not answers(layout):
        if result.returncode != 0 or time.monotonic() > deadline:
            told = log.read_text(errors="replace") if log.exists() else ""
            message = f"redis-server did not start: {result.stdout} {result.stderr} {told.strip()[-1000:]}"
            raise EmbeddedError(message)
        time.sleep(0.01)


def stop(layout: Layout) -> None:
    pid = read_pid(_pid_file(layout))
    if pid is not None and not end(
        pid, mark=str(layout.redis_socket), signals=(signal.SIGTERM, signal.SIGKILL)
    ):
        message = f"redis-server (process {pid}) does not stop"
        raise EmbeddedError(message)
    _pid_file(layout).unlink(missing_ok=True)
    layout.redis_socket.unlink(missing_ok=True)


def answers(layout: Layout) -> bool:
    if not layout.redis_socket.exists():
        return False
    once = Retry(NoBackoff(), 0)
    client = Redis(unix_socket_path=str(layout.redis_socket), socket_timeout=2, retry=once)
    with contextlib.closing(client):
        try:
            return bool(client.ping())
        except (RedisError, OSError):
            return False


def _pid_file(layout: Layout) -> Path:
    return layout.redis_home / "redis.pid"
