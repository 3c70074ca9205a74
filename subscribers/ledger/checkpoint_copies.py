"""The checkpoint file once more in another storage, in pieces that are written once and never again.

A piece holds the lines from one byte of the file on; its name is that byte. The pieces of one file lie in a folder that
is named by the hash of its first line, so a file that was begun anew after a restore has a folder of its own. What was
copied is read from the storage alone: no database that somebody may have rewritten is asked.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

FOLDER: Final = "ledger"
PIECE: Final = 4 * 1024 * 1024
_NAME: Final = re.compile(r"(\d{15})-(\d{15})\.jsonl")


class Store(Protocol):
    """What is asked of the storage; Django's storages have it."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the folders and the files in a folder."""
        ...


class NotAPrefix(ValueError):
    """The file is shorter than what was copied of it: lines were cut off."""


def pieces(store: Store, folder: str) -> list[tuple[int, int, str]]:
    """Return first byte, byte after the last, and path of each piece, in order; none where there is no folder."""
    try:
        names = store.listdir(folder)[1]
    except FileNotFoundError:
        return []
    found = [match for match in map(_NAME.fullmatch, names) if match]
    return sorted((int(match[1]), int(match[2]), f"{folder}/{match[0]}") for match in found)


def folder_of(path: Path) -> str:
    """Return the folder of a checkpoint file, empty while it holds no whole line."""
    with path.open("rb") as file:
        first = file.readline()
    return f"{FOLDER}/{sha256(first).hexdigest()[:16]}" if first.endswith(b"\n") else ""


def missing(store: Store, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each piece that is not copied yet. Raises NotAPrefix."""
    folder = folder_of(path) if path.exists() else ""
    if not folder:
        return
    known = pieces(store, folder)
    start = known[-1][1] if known else 0
    if start > path.stat().st_size:
        message = (
            f"the checkpoint file ends at byte {path.stat().st_size}, but {start} bytes of it were copied"
        )
        raise NotAPrefix(message)
    with path.open("rb") as file:
        file.seek(start)
        # A torn last line is left for the next time.
        while (chunk := _whole_lines(file.read(PIECE))) != b"":
            yield f"{folder}/{start:015d}-{start + len(chunk):015d}.jsonl", chunk
            start += len(chunk)
            file.seek(start)


def _whole_lines(raw: bytes) -> bytes:
    return raw[: raw.rfind(b"\n") + 1]
