"""Every accepted mail, searchable by recipient and by message tag."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import message as messages
from .message import Message
from .storage import Storage

PAGE = 50
MAX_PAGE = 1000
_MAX_PACKERS = 64
_RECIPIENTS = "(SELECT group_concat(address, ', ') FROM recipient r WHERE r.seq = message.seq)"
# A mail with several recipients shows its gravest state.
_SEVERITY = {
    "accepted": 0,
    "rendering_failed": 1,
    "rejected": 1,
    "delayed": 2,
    "delivered": 3,
    "bounced": 4,
    "complained": 5,
}


@dataclass
class Filter:
    """What to look for; empty fields match everything. ``after`` is a position from an earlier page."""

    to: str = ""
    tags: dict[str, str] | None = None
    state: str = ""
    after: int = 0
    limit: int = PAGE
    newest_first: bool = False

    def where(self) -> tuple[str, list[Any]]:
        """The SQL condition, in which nothing of the filter stands, and its values."""
        parts, values = ["1 = 1"], list[Any]()
        if self.to:
            parts.append("seq IN (SELECT seq FROM recipient WHERE address LIKE ? ESCAPE '\\')")
            pattern = self.to.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            # A whole address is matched exactly, anything else as a part.
            values.append(pattern if "@" in self.to.strip("@") else f"%{pattern}%")
        for name, value in (self.tags or {}).items():
            parts.append("seq IN (SELECT seq FROM tag WHERE name = ? AND value = ?)")
            values += [name, value]
        if self.state:
            parts.append("state = ?")
            values.append(self.state)
        if self.after:
            parts.append("seq < ?" if self.newest_first else "seq > ?")
            values.append(self.after)
        return " AND ".join(parts), values


class Mailbox:
    """The mail part of the storage."""

    def __init__(self, storage: Storage) -> None:
        self._db: sqlite3.Connection = storage.db
        self._packers: dict[str, tuple[int | None, messages.Packer]] = {}
        self._states: dict[str, str] = {}

    def add(self, batch: Iterable[tuple[Message, str]]) -> None:
        """Keep mails, each with the text of its template (its compression dictionary)."""
        for message, template in batch:
            number, packer = self._packer(template)
            state = "rendering_failed" if message.failure else "accepted"
            cursor = self._db.execute(
                "INSERT INTO message "
                "(id, sent_at, configuration_set, source, subject, state, dictionary, content) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    message.id,
                    message.sent_at,
                    message.configuration_set,
                    message.source,
                    message.subject,
                    state,
                    number,
                    packer.pack(message),
                ),
            )
            seq = cursor.lastrowid
            addresses = {address.lower() for address in message.destination}
            self._db.executemany("INSERT INTO recipient VALUES (?, ?)", [(item, seq) for item in addresses])
            pairs = {(name, value) for name, values in message.tags.items() for value in values}
            self._db.executemany("INSERT INTO tag VALUES (?, ?, ?)", [(*pair, seq) for pair in pairs])
        self._db.commit()

    def mark(self, message_id: str, state: str) -> None:
        """Note what became of a mail; written in groups before the next read."""
        before = self._states.get(message_id, "accepted")
        if _SEVERITY[state] >= _SEVERITY[before]:
            self._states[message_id] = state

    def flush(self) -> None:
        """Write the noted states."""
        if not self._states:
            return
        rank = " ".join(f"WHEN '{name}' THEN {value}" for name, value in _SEVERITY.items())
        self._db.executemany(
            f"UPDATE message SET state = ?1 WHERE id = ?2 AND CASE state {rank} END <= ?3",  # noqa: S608 - names and ranks stand in _SEVERITY
            [(state, name, _SEVERITY[state]) for name, state in self._states.items()],
        )
        self._db.commit()
        self._states.clear()

    def get(self, message_id: str) -> Message | None:
        """One mail, or None."""
        row = self._db.execute(
            "SELECT m.content, d.content FROM message m LEFT JOIN dictionary d ON d.number = m.dictionary "
            "WHERE m.id = ?",
            (message_id,),
        ).fetchone()
        return messages.unpack(row[0], row[1] or b"") if row else None

    def state(self, message_id: str) -> str:
        """What became of a mail."""
        self.flush()
        row = self._db.execute("SELECT state FROM message WHERE id = ?", (message_id,)).fetchone()
        return str(row[0]) if row else ""

    def find(self, wanted: Filter) -> list[dict[str, Any]]:
        """Mails that match, oldest first unless asked otherwise, without their bodies."""
        self.flush()
        condition, values = wanted.where()
        order = "DESC" if wanted.newest_first else "ASC"
        limit = max(1, min(wanted.limit, MAX_PAGE))
        rows = self._db.execute(
            f"SELECT seq, id, sent_at, configuration_set, source, subject, state, {_RECIPIENTS} "  # noqa: S608 - see Filter.where
            f"FROM message WHERE {condition} ORDER BY seq {order} LIMIT ?",
            [*values, limit],
        )
        names = ("position", "id", "sent_at", "configuration_set", "source", "subject", "state", "to")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        tags = self._tags_of([row["position"] for row in found])
        return [
            {**row, "to": (row["to"] or "").split(", "), "tags": tags.get(row["position"], {})}
            for row in found
        ]

    def count(self, wanted: Filter) -> int:
        """Number of mails that match."""
        self.flush()
        condition, values = wanted.where()
        row = self._db.execute(f"SELECT count(*) FROM message WHERE {condition}", values).fetchone()  # noqa: S608 - see Filter.where
        return int(row[0])

    def summary(self, wanted: Filter, group_by: str) -> dict[str, Any]:
        """Mails per address and per state, apart for each value of the tag ``group_by``."""
        self.flush()
        condition, values = wanted.where()
        group = "coalesce((SELECT value FROM tag t WHERE t.seq = message.seq AND t.name = ?), '')"
        rows = self._db.execute(
            f"SELECT {group}, address, state, count(*) FROM message JOIN recipient USING (seq) "  # noqa: S608 - see Filter.where
            f"WHERE {condition} GROUP BY 1, 2, 3 ORDER BY 1, 2",
            [group_by, *values],
        )
        groups: dict[str, dict[str, Any]] = {}
        for value, address, state, number in rows:
            entry = groups.setdefault(value, {"total": 0, "states": {}, "addresses": {}})
            entry["total"] += number
            entry["states"][state] = entry["states"].get(state, 0) + number
            entry["addresses"][address] = entry["addresses"].get(address, 0) + number
        for entry in groups.values():
            entry["duplicates"] = {name: n for name, n in entry["addresses"].items() if n > 1}
        return {"total": sum(entry["total"] for entry in groups.values()), "groups": groups}

    def clear(self) -> int:
        """Throw all mail away; returns how many there were."""
        self._states.clear()
        self._packers.clear()
        number = int(self._db.execute("SELECT count(*) FROM message").fetchone()[0])
        for table in ("message", "recipient", "tag", "dictionary"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are those of the line above
        self._db.commit()
        return number

    def _packer(self, template: str) -> tuple[int | None, messages.Packer]:
        if template not in self._packers:
            if len(self._packers) >= _MAX_PACKERS:
                self._packers.clear()
            dictionary = messages.dictionary_of(template)
            number = self._dictionary(dictionary) if dictionary else None
            self._packers[template] = number, messages.Packer(dictionary)
        return self._packers[template]

    def _dictionary(self, content: bytes) -> int:
        name = messages.digest(content)
        self._db.execute("INSERT OR IGNORE INTO dictionary (digest, content) VALUES (?, ?)", (name, content))
        row = self._db.execute("SELECT number FROM dictionary WHERE digest = ?", (name,)).fetchone()
        return int(row[0])

    def _tags_of(self, positions: list[int]) -> dict[int, dict[str, str]]:
        marks = ",".join("?" * len(positions))
        statement = f"SELECT seq, name, value FROM tag WHERE seq IN ({marks})"  # noqa: S608 - nothing but marks
        rows = self._db.execute(statement, positions)
        found: dict[int, dict[str, str]] = {}
        for seq, name, value in rows:
            found.setdefault(seq, {})[name] = value
        return found
