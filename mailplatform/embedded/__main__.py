"""`python -m mailplatform.embedded start|stop|status|env|remove|run -- COMMAND`: the services by hand."""

import argparse
import os
import subprocess
import sys

from . import services
from .errors import EmbeddedError
from .layout import Layout
from .locks import exclusively, in_use


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mailplatform.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "status", "env", "remove", "run"])
    parser.add_argument("--data-dir", default=os.environ.get("MAILPLATFORM_DATA_DIR") or ".data")
    parser.add_argument("--force", action="store_true", help="stop even what another process uses")
    given = sys.argv[1:] if arguments is None else arguments
    ours = given[: given.index("--")] if "--" in given else given
    options = parser.parse_args(ours)
    options.command = given[len(ours) + 1 :]
    if bool(options.command) != (options.action == "run"):
        parser.error("a command belongs behind `run --`, and nowhere else")
    layout = Layout.of(options.data_dir)
    actions = {"start": _start, "stop": _stop, "status": _status, "env": _env, "remove": _remove, "run": _run}
    try:
        return actions[options.action](layout, options)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1


def _start(layout: Layout, _: argparse.Namespace) -> int:
    found = services.start(layout.data_dir, share=False)
    layout.keep_file.touch()
    print(f"running: {found.database_url} {found.redis_url}")
    return 0


def _stop(layout: Layout, options: argparse.Namespace) -> int:
    if not layout.data_dir.exists():
        return 0
    with exclusively(layout.lock_file):
        layout.keep_file.unlink(missing_ok=True)
        if in_use(layout.users_file) and not options.force:
            print("another process uses the services: they stop with it (--force stops them now)")
            return 0
        services.stop_servers(layout)
    return 0


def _remove(layout: Layout, _: argparse.Namespace) -> int:
    """Stop the servers and delete their data, wherever it is kept."""
    if layout.data_dir.exists():
        with exclusively(layout.lock_file):
            services.remove_servers(layout)
    return 0


def _status(layout: Layout, _: argparse.Namespace) -> int:
    found = services.status(layout)
    for name, value in found.items():
        print(f"{name}: {'yes' if value else 'no'}")
    return 0 if found["postgres"] and found["redis"] else 3


def _env(layout: Layout, _: argparse.Namespace) -> int:
    for name, value in services.expected(layout.data_dir, os.environ).environment().items():
        print(f"{name}={value}")
    return 0


def _run(layout: Layout, options: argparse.Namespace) -> int:
    """Return the command's exit code. What it writes need not outlive a power cut."""
    with services.start(layout.data_dir, fast_and_forgetful=True) as found:
        environment = {**os.environ, **found.environment(), "MAILPLATFORM_DATA_DIR": str(layout.data_dir)}
        return subprocess.run(options.command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
