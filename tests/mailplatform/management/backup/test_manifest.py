"""What a manifest says, and which ones are refused."""

import json
from typing import Any

import pytest

from mailplatform.management.backup import manifest
from mailplatform.management.backup.errors import BackupError

GOOD: dict[str, Any] = {
    "format": 1, "taken_at": "2026-11-22T12:04:05.000006+00:00", "postgres": 17, "database_bytes": 9,
    "installation": "aa", "data_key": "kk", "migrations": {"campaigns": ["0001_initial", "9999_later"], "own": ["1"]},
    "register": {"block": 3, "last_id": 7, "hash": "ff", "key_id": "k"},
    "database": {"bytes": 1, "sha256": "s", "files": 1}, "uploads": None, "bucket": "b",
}  # fmt: skip


def test_it_reads_what_it_writes() -> None:
    found = manifest.parse(json.dumps(GOOD).encode())
    assert json.loads(found.text()) == GOOD
    assert manifest.parse(found.text()) == found


def test_migrations_that_this_version_does_not_know_are_named() -> None:
    found = manifest.parse(json.dumps(GOOD).encode())
    assert manifest.unknown_migrations(found) == ["campaigns 9999_later", "own 1"]


@pytest.mark.parametrize(
    "change", [{"taken_at": "x"}, {"register": {"a": 1}}, {"database": None}, {"more": 1}]
)
def test_nonsense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BackupError, match="damaged"):
        manifest.parse(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff"])
def test_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(BackupError, match="damaged"):
        manifest.parse(text)


def test_another_format_is_of_a_newer_version() -> None:
    with pytest.raises(BackupError, match="newer version"):
        manifest.parse(json.dumps(GOOD | {"format": 2}).encode())


def test_the_fingerprint_gives_no_key_away(settings: Any) -> None:
    assert len(manifest.data_key()) == 16
    assert settings.DATA_KEY not in manifest.data_key()
