"""The file of a backup: written as a stream, read back whole, and refused where it is not."""

import datetime as dt
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from mailplatform.management.backup import archive
from mailplatform.management.backup.errors import BackupError
from mailplatform.management.backup.manifest import Head, Manifest, Part

DUMP = b"PGDMP" + bytes(range(256)) * 5000


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "ä picture.png").write_bytes(b"x" * 700)
    (folder / "empty").write_bytes(b"")
    (folder / "link").symlink_to("/etc/passwd")
    return folder


def _write(path: Path, folder: Path | None, **changes: object) -> Manifest:
    with path.open("w+b") as file:
        writer = archive.Writer(file)
        database = writer.add_stream(archive.DATABASE, io.BytesIO(DUMP))
        found = Manifest(
            taken_at=dt.datetime(2026, 11, 22, 12, 4, tzinfo=dt.UTC),
            postgres=17,
            database_bytes=1,
            installation="i",
            data_key="k",
            migrations={"campaigns": ["0001_initial"]},
            register=Head(1, 2, "h", "k"),
            database=database,
            uploads=writer.add_folder(folder) if folder else None,
        )
        writer.end(replace(found, **changes))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside"])
def test_a_file_that_leads_out_of_the_uploads_is_refused(tmp_path: Path, name: str) -> None:
    path, there = tmp_path / "x.backup", tmp_path / "there"
    there.mkdir()
    with path.open("w+b") as file:
        writer = archive.Writer(file)
        writer.add_stream(archive.DATABASE, io.BytesIO(DUMP))
        writer.add_stream(archive.UPLOADS + name, io.BytesIO(b"x"))
        writer.end(_write(tmp_path / "other", None))
    reader = archive.Reader(path)
    with pytest.raises(BackupError, match="leads out"):
        reader.put_uploads(there)
    reader.close()
    assert not list(there.iterdir())
    assert not (tmp_path / "outside").exists()


def test_long_names_and_files_that_vanish(
    tmp_path: Path, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything runs meanwhile: a file may be deleted between the look and the reading."""
    long = f"{'n' * 150}/{'ä' * 100}.txt"
    (uploads / long).parent.mkdir()
    (uploads / long).write_bytes(b"long")
    (uploads / "z-gone").write_bytes(b"x")
    look, path = Path.is_file, tmp_path / "x.backup"

    def look_and_delete(file: Path) -> bool:
        found = look(file)
        if file.name == "z-gone":
            file.unlink()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", look_and_delete)
        found = _write(path, uploads)
    assert found.uploads is not None
    assert found.uploads.files == 3
    reader = archive.Reader(path)
    reader.check()
    assert reader.put_uploads(tmp_path / "there") == 3
    reader.close()
    assert (tmp_path / "there" / long).read_bytes() == b"long"


def test_what_was_written_is_read_back(tmp_path: Path, uploads: Path) -> None:
    path = tmp_path / "x.backup"
    found = _write(path, uploads)
    reader = archive.Reader(path)
    reader.check()
    assert reader.manifest == found
    assert found.uploads is not None
    assert (found.database.bytes, found.uploads.files, found.uploads.bytes) == (len(DUMP), 2, 700)
    assert reader.database().read() == DUMP
    there = tmp_path / "there"
    there.mkdir()
    (there / "empty").write_bytes(b"newer")
    assert reader.put_uploads(there) == 1
    assert (there / "a" / "b" / "ä picture.png").read_bytes() == b"x" * 700
    assert (there / "empty").read_bytes() == b"newer"
    reader.close()
    with tarfile.open(path) as tar:  # and any tar reads it
        assert tar.getnames()[-1] == "manifest.json"


def test_a_file_that_was_changed_is_refused(tmp_path: Path, uploads: Path) -> None:
    path = tmp_path / "x.backup"
    for changes in ({"database": Part(len(DUMP), "0" * 64)}, {"uploads": Part(700, "0" * 64, 2)}):
        _write(path, uploads, **changes)
        reader = archive.Reader(path)
        with pytest.raises(BackupError, match="is damaged"):
            reader.check()
        reader.close()


@pytest.mark.parametrize("cut", [0, 100, 5000, -11_000])
def test_a_file_that_is_cut_off_or_none_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.backup"
    _write(path, None)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BackupError, match=r"damaged|its end is missing"):
        archive.Reader(path)


def test_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be read: No such file"):
        archive.Reader(tmp_path / "nothing")
