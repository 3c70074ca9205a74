"""Runs a command with Postgres and Redis of its own: `.ci/with_services.py COMMAND ...`."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mailplatform import embedded  # noqa: E402  # the path comes first


def main() -> int:
    """Return the command's exit code."""
    data_dir = os.environ.setdefault("MAILPLATFORM_DATA_DIR", str(ROOT / ".data" / "tests"))
    with embedded.start(data_dir, fast_and_forgetful=True) as services:
        environment = {**os.environ, **services.environment()}
        return subprocess.run(sys.argv[1:], env=environment, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
