"""Take the pictures of docs/tour.md anew: what a marketer sees from the import to the report.

    make tour

The journey's own test takes them (`Visitor.film`), so they show what is tested. They are made smaller here.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "docs" / "tour"
WIDTH = 960
LARGEST_BYTES = 60_000


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TOUR_DIRECTORY"] = directory
        outcome = pytest.main([str(HERE / "test_journey.py"), "-q", "-p", "no:randomly"])
        taken = sorted(Path(directory).glob("*.png"))
        if outcome == pytest.ExitCode.OK:
            for old in PICTURES.glob("*.webp"):
                old.unlink()
            for path in taken:
                shrink(path)
    sys.stdout.write(f"{len(taken)} pictures in {PICTURES}\n")
    return int(outcome)


def shrink(path: Path) -> None:
    """Write the picture as WebP, in the best quality that stays small enough."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    target = PICTURES / f"{path.stem}.webp"
    with Image.open(path) as picture:
        picture.thumbnail((WIDTH, WIDTH * 2), Image.Resampling.LANCZOS)
        for quality in range(85, 30, -10):
            picture.save(target, quality=quality, method=6)
            if target.stat().st_size <= LARGEST_BYTES:
                return


if __name__ == "__main__":
    raise SystemExit(main())
