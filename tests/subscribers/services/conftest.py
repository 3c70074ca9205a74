"""Files of the ledger that belong to one test."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from subscribers.models import Subscriber
from tests.factories.subscribers import person


@dataclass
class LedgerFiles:
    key: Path
    checkpoints: Path


@pytest.fixture
def ledger_files(settings: Settings, tmp_path: Path) -> LedgerFiles:
    files = LedgerFiles(tmp_path / "keys" / "ledger.pem", tmp_path / "checkpoints" / "ledger.jsonl")
    settings.LEDGER_KEY_FILE, settings.LEDGER_CHECKPOINT_FILE = str(files.key), str(files.checkpoints)
    return files


@pytest.fixture
def ann(db: None) -> Subscriber:
    """Somebody who has ordered and agreed to nothing, beside Bob, who has not either."""
    person("bob@example.com", agreed=False)
    return person("ann@example.com", agreed=False)
