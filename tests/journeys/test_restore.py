"""The database is lost while a campaign is half sent: nobody is mailed again without evidence or a decision."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailplatform.embedded import services
from mailplatform.management.chaos.processes import end_groups
from mailplatform.management.commands.chaos import environment_of

pytestmark = pytest.mark.drill
ROOT = Path(__file__).resolve().parents[2]
RIGHT: dict[str, Any] = {
    "twice": [], "missing": [], "ineligible": [], "differences": [], "unresolved": 0, "exact": True,
}  # fmt: skip


def tell(directory: Path, variant: str) -> dict[str, Any]:
    """Run the story on servers of its own; whatever becomes of it, none of its processes stays."""
    directory.joinpath("lab").mkdir(parents=True)
    environment = environment_of(directory, services.expected(directory, {})) | {"PYTHONPATH": str(ROOT)}
    by_hand = [sys.executable, "-m", "mailplatform.embedded", "--data-dir", str(directory)]
    kept = {name: value for name, value in environment.items() if not name.endswith("_URL")}
    subprocess.run([*by_hand, "start"], cwd=ROOT, env=kept, check=True)
    try:
        found = subprocess.run(
            [sys.executable, "manage.py", "shell", "-c",
             f"from tests.journeys.restoring import main; main({variant!r})"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    finally:
        end_groups(directory / "lab")
        subprocess.run([*by_hand, "remove"], cwd=ROOT, env=kept, check=True)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-6000:]
    result: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
    return result


@pytest.mark.parametrize("variant", ["dump", "archived"])
def test_back_to_an_earlier_moment_nobody_is_mailed_again_without_a_decision(
    tmp_path: Path, variant: str
) -> None:
    """The moment is that of a backup, or of the last WAL that was archived before the loss."""
    told = tell(tmp_path / "drill", variant)
    assert {name: told[name] for name in RIGHT} == RIGHT
    # Mail had left of which the backup does not know, and nothing left by itself.
    doubtful = told["mails_when_lost"] - told["known"]
    assert 0 < doubtful <= told["in_doubt"]
    assert told["mails_before_decision"] == told["mails_when_lost"]
    # All of it was found: some by events that Amazon had kept, the rest by the operator.
    assert told["settled_by_events"] > 0
    assert told["settled_by_events"] + told["assumed_sent"] == doubtful
    assert "locked" in told["resume_locked"]
    assert "may have got this mail after its backup" in told["resume_in_doubt"]


def test_with_archived_wal_nobody_is_mailed_twice_and_nobody_missed(tmp_path: Path) -> None:
    told = tell(tmp_path / "drill", "wal")
    assert {name: told[name] for name in RIGHT} == RIGHT
    # Every commit was there again: all that were accepted before the loss, and no more than a call of doubts.
    assert told["handled_when_restored"] >= told["mails_when_lost"] - 50
