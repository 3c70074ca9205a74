"""Save a picture of every page, at both widths and in both themes, for people to look at.

    python tests/browser/screens.py DIRECTORY [pytest arguments]

It runs the browser tests, the drills in both themes too, with the pictures switched on and axe off, so what is seen
is what is tested.
"""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    directory = Path(arguments[0]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["SCREENS_DIRECTORY"] = str(directory)
    outcome = pytest.main([str(HERE), "-q", "-m", "drill or not drill", *arguments[1:]])
    sys.stdout.write(f"{len(list(directory.glob('*.png')))} pictures in {directory}\n")
    return int(outcome)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    raise SystemExit(main(sys.argv[1:]))
