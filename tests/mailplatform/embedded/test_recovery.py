"""What stops a recovery before anything is touched; tests/journeys/test_restore.py drills the recovery itself."""

from pathlib import Path

import pytest

from mailplatform.embedded import postgres, recovery
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.errors import EmbeddedError
from mailplatform.embedded.layout import Layout


@pytest.fixture
def server(tmp_path: Path) -> postgres.Server:
    return postgres.server(Layout.of(tmp_path / "installation"), find_postgres())


@pytest.fixture
def base(tmp_path: Path, server: postgres.Server) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "backup_label").touch()
    (folder / "PG_VERSION").write_text(f"{server.program.major}\n")
    return folder


def test_data_that_are_there_are_never_overwritten(
    server: postgres.Server, base: Path, tmp_path: Path
) -> None:
    server.data.mkdir(parents=True)
    with pytest.raises(EmbeddedError, match="move it away first"):
        recovery.replay(server, base=base, archive=tmp_path)


def test_what_is_no_base_backup_is_refused(server: postgres.Server, base: Path, tmp_path: Path) -> None:
    (base / "backup_label").unlink()
    with pytest.raises(EmbeddedError, match="is no base backup"):
        recovery.replay(server, base=base, archive=tmp_path)


def test_a_base_backup_of_another_version_is_refused(
    server: postgres.Server, base: Path, tmp_path: Path
) -> None:
    (base / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="is of Postgres 9"):
        recovery.replay(server, base=base, archive=tmp_path)


def test_an_archive_that_is_no_folder_is_refused(server: postgres.Server, base: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="no folder of archived WAL"):
        recovery.replay(server, base=base, archive=tmp_path / "nothing")
    assert not server.home.exists()
