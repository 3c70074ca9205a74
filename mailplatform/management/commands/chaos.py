"""`make chaos`: sends campaigns through processes that are killed, frozen and lied to, and compares every person."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailplatform import embedded
from mailplatform.embedded.layout import Layout
from mailplatform.embedded.services import remove_servers
from mailplatform.management.chaos.processes import end_groups
from mailplatform.management.chaos.schedule import Mode
from mailplatform.management.demo.processes import hold_free_port, python
from mailplatform.sandbox import constants

ROOT = Path(__file__).resolve().parents[3]
# Only this file lets a later trial clear a directory away.
MARK = "made-by-make-chaos"
WEB_PORT, SANDBOX_PORT = 18_000, 14_579
TIME_SCALE = "0.01"


def seeds_of(text: str) -> list[int]:
    """Read `7`, `1-50` or `3,7,10-12`. Raises CommandError."""
    found: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.strip().partition("-")
            found += range(int(first), int(last if dash else first) + 1)
    except ValueError:
        raise CommandError(f"SEEDS is {text!r}: expected 7, 1-50 or 3,7,10-12") from None
    if not found:
        raise CommandError(f"SEEDS is {text!r}: no seed in it")
    return found


class Command(BaseCommand):
    """Starts Postgres, Redis and an empty database, and runs `chaos_trials` against them."""

    help = "Kill, freeze and lie to a campaign on real processes, then compare ledger and mailbox person by person."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what the Makefile hands on; empty means the default."""
        parser.add_argument(
            "--seed", default="", help="a number; it decides everything that happens (default 1)"
        )
        parser.add_argument("--seeds", default="", help="several, one after another: 1-50")
        parser.add_argument("--recipients", default="", help="people per trial (default 5000)")
        parser.add_argument("--mode", default="", help="off, on or deaf; without it the seed chooses")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 when a promise was broken."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        seeds = seeds_of(options["seeds"] or options["seed"] or "1")
        recipients = options["recipients"] or "5000"
        if not recipients.isdigit() or not 20 <= int(recipients) <= 200_000:
            raise CommandError(f"RECIPIENTS is {recipients!r}: expected 20 to 200000")
        if options["mode"] not in {"", *Mode}:
            raise CommandError(f"MODE is {options['mode']!r}: expected off, on or deaf")
        directory = fresh_directory()
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
            # The trial kills its servers: they must be its own.
            os.environ.pop(name, None)
        with embedded.start(directory) as services:
            environment = environment_of(directory, services)
            chosen = [
                "--seeds",
                ",".join(map(str, seeds)),
                "--recipients",
                recipients,
                "--mode",
                options["mode"],
            ]
            code = self.run(python("manage.py", "chaos_trials", *chosen), environment, directory)
        raise SystemExit(code)

    def run(self, command: list[str], environment: dict[str, str], directory: Path) -> int:
        """Run the trials; whatever becomes of them, none of their processes stays."""
        child = subprocess.Popen(command, env=environment, cwd=ROOT)  # noqa: S603 - our own command
        try:
            return child.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()
            end_groups(directory / "lab")


def fresh_directory() -> Path:
    """Return an empty directory of the trial's own, clearing away what an earlier one left."""
    base = Path(os.environ.get("MAILPLATFORM_DATA_DIR", ROOT / ".data"))
    directory = (base / "chaos").absolute()
    if (directory / MARK).exists():
        end_groups(directory / "lab")
        keep = directory.with_name("chaos-evidence")
        if (directory / "lab" / "evidence").exists():
            shutil.copytree(directory / "lab" / "evidence", keep, dirs_exist_ok=True)
        remove_servers(Layout.of(directory))
        shutil.rmtree(directory)
    elif directory.exists():
        raise CommandError(f"{directory} was not made by a trial; move it away first.")
    directory.mkdir(parents=True, mode=0o700)
    (directory / MARK).touch()
    (directory / "lab").mkdir()
    return directory


def environment_of(directory: Path, services: embedded.Services) -> dict[str, str]:
    """Return the environment of every process of the trials."""
    held = {"web": hold_free_port(WEB_PORT), "sandbox": hold_free_port(SANDBOX_PORT)}
    ports = {name: each.getsockname()[1] for name, each in held.items()}
    for each in held.values():
        each.close()
    web, sandbox = (f"http://127.0.0.1:{ports[name]}" for name in ("web", "sandbox"))
    # Processes that start again and again should not compile every module anew.
    dropped = ("AWS_", "MAILPLATFORM_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **kept,
        **services.environment(),
        "MAILPLATFORM_DATA_DIR": str(directory),
        "PUBLIC_URL": web,
        "CSRF_TRUSTED_ORIGINS": web,
        "SANDBOX_URL": sandbox,
        "AWS_ENDPOINT_URL": sandbox,
        "AWS_REGION": constants.DEFAULT_REGION,
        "AWS_ACCESS_KEY_ID": constants.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": constants.SECRET_KEY,
        "SENDING_TIME_SCALE": os.environ.get("SENDING_TIME_SCALE", TIME_SCALE),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "PYTHONUNBUFFERED": "1",
    }
