from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_django import Settings

from mailplatform.management.doctor import Finding, Level, files
from tests.factories.subscribers import person

GB = 1024**3


def of(subject: str, found: Iterable[Finding]) -> Finding:
    return next(each for each in found if each.subject == subject)


@pytest.mark.django_db
def test_a_key_that_others_may_read(settings: Settings, tmp_path: Path) -> None:
    key = tmp_path / "ledger.pem"
    key.touch()
    key.chmod(0o644)
    settings.LEDGER_KEY_FILE = str(key)
    found = of("Ledger key", files.keys())
    assert (found.level, "chmod 600" in found.detail) == (Level.ERROR, True)


@pytest.mark.django_db
def test_a_key_that_was_lost(settings: Settings, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    assert of("Ledger key", files.keys()).level is Level.OK
    person()
    Path(settings.LEDGER_KEY_FILE).unlink(missing_ok=True)
    found = of("Ledger key", files.keys())
    assert (found.level, "from your backup" in found.detail) == (Level.ERROR, True)


@pytest.mark.django_db
def test_a_storage_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    assert of("Storage", files.storage()).level is Level.OK
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    blocked = tmp_path / "a-file"
    blocked.touch()
    settings.MEDIA_ROOT = str(blocked)
    found = of("Storage", files.storage())
    assert (found.level, "make it writable" in found.detail) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("total", "free", "level"),
    [
        (100, 50, Level.OK),
        (100, 9, Level.WARNING),
        (100, 2, Level.ERROR),
        (10_000, 60, Level.OK),
        (0, 0, Level.OK),
    ],
)
def test_a_disk_that_is_nearly_full(total: int, free: int, level: Level) -> None:
    found = files.judged_room("/data", total=total * GB, free=free * GB)
    assert found.level is level
    assert ("make room" in found.detail) == (level is not Level.OK)


def test_this_machines_disk_can_be_looked_at() -> None:
    (found,) = files.disk()
    assert "free at" in found.detail
