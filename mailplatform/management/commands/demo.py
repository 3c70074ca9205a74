"""`make demo`: starts everything on this machine, tells the story of one campaign and leaves the site running."""

import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mailplatform import embedded
from mailplatform.embedded.layout import Layout
from mailplatform.embedded.services import remove_servers
from mailplatform.management.demo.processes import ProcessDiedError, Supervisor, hold_free_port, python
from mailplatform.sandbox import constants

ROOT = Path(__file__).resolve().parents[3]
WEB_PORT = 8000
CELERY = ("-m", "celery", "-A", "mailplatform")
# As in docker-compose.yml: drains, short work that never waits for long work, and everything else.
WORKERS = {
    "sender": ("-Q", "sending", "-c", "2"),
    "urgent": ("-Q", "urgent", "-P", "threads", "-c", "4"),
    "worker": ("-Q", "ingest,default", "-c", "2"),
}
# Only this file lets `--once` clear a directory away.
MARK = "made-by-make-demo-once"


def data_directory(*, once: bool) -> Path:
    """Return where the demo keeps its data; `--once` always begins with an empty directory of its own."""
    base = Path(os.environ.get("MAILPLATFORM_DATA_DIR", ROOT / ".data"))
    directory = base / ("once" if once else "demo")
    if once and (directory / MARK).exists():
        # Servers that a kill -9 left behind would otherwise live on, on deleted files.
        remove_servers(Layout.of(directory))
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if once:
        (directory / MARK).touch()
    return directory


class Command(BaseCommand):
    """Starts Postgres, Redis, the sandbox, web, worker and beat, and runs the story against them."""

    help = "Start everything on this machine with the sandbox instead of Amazon, and send a campaign."
    requires_system_checks = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        """Hold no port yet."""
        super().__init__(*args, **options)
        self.held: dict[str, socket.socket] = {}

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--once`."""
        parser.add_argument(
            "--once", action="store_true", help="exit when all events are in, with one JSON line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the demo until Ctrl-C, or until the story is told."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        started = time.time()
        once = bool(options["once"])
        directory = data_directory(once=once)
        with embedded.start(directory) as services:
            supervisor = Supervisor(self.environment(directory, services, started), directory / "logs")
            try:
                self.start(supervisor, directory)
                supervisor.run("story", python("manage.py", "demo_story", *(["--once"] if once else [])))
                if not once:
                    supervisor.watch()
            except KeyboardInterrupt:
                self.say("Stopping.")
            except (ProcessDiedError, TimeoutError) as error:
                self.say(str(error))
                raise SystemExit(1) from error
            finally:
                supervisor.stop()

    def environment(self, directory: Path, services: embedded.Services, started: float) -> dict[str, str]:
        """Return the environment of every process of the demo. A busy port makes us take the next."""
        web, sandbox = self.port("site", WEB_PORT), self.port("sandbox", constants.DEFAULT_PORT)
        sandbox_url = f"http://127.0.0.1:{sandbox}"
        ours = {
            "MAILPLATFORM_DATA_DIR": str(directory),
            "DATABASE_URL": services.database_url,
            "DATABASE_OWNER_URL": services.database_owner_url,
            "REDIS_URL": services.redis_url,
            "PUBLIC_URL": f"http://127.0.0.1:{web}",
            "CSRF_TRUSTED_ORIGINS": f"http://127.0.0.1:{web},http://localhost:{web}",
            "SANDBOX_URL": sandbox_url,
            "AWS_ENDPOINT_URL": sandbox_url,
            "AWS_REGION": constants.DEFAULT_REGION,
            "AWS_ACCESS_KEY_ID": constants.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": constants.SECRET_KEY,
            "DEMO_STARTED": f"{started:.3f}",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
            "PYTHONUNBUFFERED": "1",
        }
        return {**os.environ, **ours}

    def port(self, what: str, wanted: int) -> int:
        """Return a free port, held until its process starts; say so when it is not the usual one."""
        self.held[what] = hold_free_port(wanted)
        port = int(self.held[what].getsockname()[1])
        if port != wanted:
            self.say(f"Port {wanted} is busy; the {what} takes {port}.")
        return port

    def release(self, what: str) -> None:
        """Let go of a port that we held, just before its process takes it."""
        if what in self.held:
            self.held.pop(what).close()

    def start(self, supervisor: Supervisor, directory: Path) -> None:
        """Start the processes in the order in which they need each other."""
        environment = supervisor.environment
        web_port = environment["PUBLIC_URL"].rsplit(":", 1)[1]
        sandbox_port = environment["SANDBOX_URL"].rsplit(":", 1)[1]
        state = str(directory / "sandbox")
        self.release("sandbox")
        supervisor.start(
            "sandbox",
            python("-m", "mailplatform.sandbox", "--port", sandbox_port, "--state-dir", state),
        )
        supervisor.run("database", python("manage.py", "setup_database", "--verbosity", "0"))
        self.release("site")
        supervisor.start(
            "web",
            python("-m", "uvicorn", "mailplatform.asgi:application", "--port", web_port, "--no-access-log"),
        )
        for name, more in WORKERS.items():
            supervisor.start(name, python(*CELERY, "worker", "-n", f"{name}@%h", *more, "-l", "WARNING"))
        schedule = str(directory / "beat-schedule")
        supervisor.start("beat", python(*CELERY, "beat", "-s", schedule, "-l", "WARNING"))
        supervisor.wait_for(environment["SANDBOX_URL"] + "/_sandbox/api/summary")
        supervisor.wait_for(environment["PUBLIC_URL"] + "/account/login/")

    def say(self, words: str) -> None:
        """Write to standard error: standard output is for the JSON line."""
        self.stderr.write(words)
