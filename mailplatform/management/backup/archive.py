"""The file of a backup: an ordinary tar with the database as pg_dump wrote it, the uploads, and last the manifest.

Both ways are streams: the dump is written into the tar and restored out of it, never beside it. Without its manifest
at the end a file is not whole.
"""

import contextlib
import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from . import manifest
from .errors import BackupError
from .manifest import Manifest, Part

DATABASE: Final = "database.dump"
UPLOADS: Final = "uploads/"
CHUNK: Final = 1024 * 1024


class Writer:
    """Writes the parts in their order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - `end` closes it

    def add_stream(self, name: str, source: IO[bytes]) -> Part:
        """Add what a stream holds whose length nobody knows before its end: the header is written afterwards."""
        info = tarfile.TarInfo(name)
        info.mode = 0o600
        start = self._tar.offset
        # More than one block where the name is long; the size does not change it.
        self._file.write(bytes(len(info.tobuf(tarfile.GNU_FORMAT))))
        digest = hashlib.sha256()
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            self._file.write(chunk)
            info.size += len(chunk)
        self._file.write(bytes(-info.size % tarfile.BLOCKSIZE))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(info.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(end)
        self._tar.offset = end
        return Part(info.size, digest.hexdigest())

    def add_folder(self, folder: Path) -> Part:
        """Add all files below a folder, in order of their names; its hash covers names, sizes and bytes."""
        digest, size, count = hashlib.sha256(), 0, 0
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            name = path.relative_to(folder).as_posix()
            try:
                file = path.open("rb")
            except FileNotFoundError:  # deleted since we looked: everything else runs
                continue
            with file:
                part = self.add_stream(UPLOADS + name, file)
            digest.update(f"{name}\0{part.bytes}\0{part.sha256}\n".encode())
            size, count = size + part.bytes, count + 1
        return Part(size, digest.hexdigest(), count)

    def end(self, found: Manifest) -> None:
        """Add the manifest and close the tar."""
        text = found.text()
        info = tarfile.TarInfo(manifest.NAME)
        info.size, info.mode = len(text), 0o600
        self._file.write(info.tobuf(tarfile.GNU_FORMAT) + text + bytes(-len(text) % tarfile.BLOCKSIZE))
        self._tar.offset = self._file.tell()
        self._tar.close()


class Reader:
    """Reads a backup. Raises BackupError for what is none, or is not whole."""

    def __init__(self, path: Path) -> None:
        with contextlib.ExitStack() as stack:
            try:
                self._tar = stack.enter_context(tarfile.open(path, "r:"))
                members = self._tar.getmembers()
            except OSError as error:
                raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
            except tarfile.TarError as error:
                raise BackupError(f"{path} is no backup of mailplatform, or is damaged.") from error
            self._members = {member.name: member for member in members if member.isreg()}
            if manifest.NAME not in self._members or DATABASE not in self._members:
                raise BackupError(f"{path} is no backup of mailplatform, or its end is missing.")
            self.manifest = manifest.parse(self._open(manifest.NAME).read())
            self._open_files = stack.pop_all()

    def close(self) -> None:
        """Let go of the file."""
        self._open_files.close()

    def check(self) -> None:
        """Read everything and compare it with the manifest. Raises BackupError."""
        if _hash(self.database()) != (self.manifest.database.bytes, self.manifest.database.sha256):
            raise BackupError(
                "The database in the backup is not what its manifest says: the file is damaged."
            )
        if self.manifest.uploads is None:
            return
        digest = hashlib.sha256()
        for name in self._uploads():
            size, found = _hash(self._open(UPLOADS + name))
            digest.update(f"{name}\0{size}\0{found}\n".encode())
        if digest.hexdigest() != self.manifest.uploads.sha256:
            raise BackupError(
                "The uploads in the backup are not what its manifest says: the file is damaged."
            )

    def database(self) -> IO[bytes]:
        """The dump, from its beginning."""
        return self._open(DATABASE)

    def put_uploads(self, folder: Path) -> int:
        """Write the uploads that are not there; returns how many. What is there stays as it is."""
        written = 0
        for name in self._uploads():
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise BackupError(f"The backup holds a file that leads out of its folder: {name!r}.")
            if (folder / name).exists():
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with self._open(UPLOADS + name) as source, (folder / name).open("xb") as file:
                shutil.copyfileobj(source, file, CHUNK)
            written += 1
        return written

    def _uploads(self) -> Iterator[str]:
        return (name.removeprefix(UPLOADS) for name in self._members if name.startswith(UPLOADS))

    def _open(self, name: str) -> IO[bytes]:
        file = self._tar.extractfile(self._members[name])
        assert file is not None
        return file


def _hash(file: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
