"""Prints where Chromium is; exits 1 where there is none. Nothing is downloaded."""

import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLAYWRIGHT = "chromium-*/chrome-linux*/chrome"


def find() -> str | None:
    """Return $CHROMIUM, else a browser on the PATH, else one that Playwright has downloaded before."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    for name in NAMES:
        if found := shutil.which(name):
            return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return next((str(path) for path in sorted(cache.glob(PLAYWRIGHT), reverse=True)), None)


if __name__ == "__main__":
    path = find()
    print(path or "no Chromium")
    sys.exit(0 if path else 1)
