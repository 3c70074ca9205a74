"""One SQLite file (or memory) that holds everything: account resources and mail.

Resources are few and live as dictionaries with write-through; mail is many and stays in SQLite.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT, name TEXT, value BLOB, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, sent_at REAL NOT NULL,
    configuration_set TEXT, source TEXT, subject TEXT, state TEXT NOT NULL, dictionary INTEGER,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS recipient (address TEXT, seq INTEGER, PRIMARY KEY (address, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tag (
    name TEXT, value TEXT, seq INTEGER, PRIMARY KEY (name, value, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dictionary (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, content BLOB);
CREATE INDEX IF NOT EXISTS recipient_seq ON recipient (seq);
CREATE INDEX IF NOT EXISTS tag_seq ON tag (seq);
"""


class Table:
    """A named set of JSON resources: a dictionary in memory, written through to SQLite."""

    def __init__(self, storage: "Storage", kind: str) -> None:
        self._storage = storage
        self._kind = kind
        rows = storage.db.execute("SELECT name, value FROM resource WHERE kind = ? ORDER BY name", (kind,))
        self._items: dict[str, dict[str, Any]] = {name: orjson.loads(value) for name, value in rows}
        self._in_any_case: dict[str, set[str]] = {}
        for name in self._items:
            self._in_any_case.setdefault(name.lower(), set()).add(name)

    def get(self, name: str) -> dict[str, Any] | None:
        """The resource, or None."""
        return self._items.get(name)

    def find(self, name: str) -> dict[str, Any] | None:
        """The resource of this name, else the first one whose name differs in case alone, or None."""
        names = self._in_any_case.get(name.lower())
        if not names:
            return None
        return self._items[name if name in names else min(names)]

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Create or replace; call it again after changing a resource in place."""
        self._items[name] = value
        self._in_any_case.setdefault(name.lower(), set()).add(name)
        statement = "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)"
        self._storage.db.execute(statement, (self._kind, name, orjson.dumps(value)))
        self._storage.db.commit()

    def remove(self, name: str) -> bool:
        """Delete; says whether it was there."""
        if self._items.pop(name, None) is None:
            return False
        names = self._in_any_case[name.lower()]
        names.remove(name)
        if not names:
            del self._in_any_case[name.lower()]
        self._storage.db.execute("DELETE FROM resource WHERE kind = ? AND name = ?", (self._kind, name))
        self._storage.db.commit()
        return True

    def clear(self) -> None:
        """Delete all of this kind."""
        self._items.clear()
        self._in_any_case.clear()
        self._storage.db.execute("DELETE FROM resource WHERE kind = ?", (self._kind,))
        self._storage.db.commit()

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All resources, a copy of the list, so that they may be removed on the way."""
        return iter(sorted(self._items.items()))

    def values(self) -> list[dict[str, Any]]:
        """All resources, in the order of their names."""
        return [value for _, value in self.items()]

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def __len__(self) -> int:
        return len(self._items)


class Storage:
    """The connection. Only the event loop's thread uses it."""

    def __init__(self, state_dir: Path | None) -> None:
        if state_dir:
            state_dir.mkdir(parents=True, exist_ok=True)
        path = str(state_dir / "sandbox.sqlite3") if state_dir else ":memory:"
        # One thread at a time: the loop's, after the thread that built the object.
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        # Survives a kill of the process; a power cut may cost the newest mails of a test account.
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(_SCHEMA)

    def table(self, kind: str) -> Table:
        """The resources of one kind."""
        return Table(self, kind)

    def close(self) -> None:
        """Write the last state and let go of the file."""
        self.db.commit()
        self.db.close()
