"""Each test has a ledger of its own: checkpoints of another test's commits would look like a tail that was cut."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def ledger_files(settings: Settings, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "keys" / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "checkpoints" / "ledger.jsonl")
