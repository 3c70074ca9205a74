"""What the lab reads of the product's tables, by a connection of its own that survives a killed Postgres."""

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import psycopg

# One statement is one moment. `waiting` is counted from the batches and the calls, not as the rest of the sum; who
# waits to be sent again has a row and counts as unresolved.
_SUMS: Final = """
WITH waiting AS (
    SELECT p.id FROM campaigns_batch b
    CROSS JOIN LATERAL unnest(b.subscriber_ids[b.cursor + 1 : b.count]) p(id)
    WHERE b.run_id = %(run)s AND b.state <> 'done'
    UNION ALL
    SELECT p.id FROM campaigns_call c CROSS JOIN LATERAL unnest(c.subscriber_ids) p(id)
    WHERE c.run_id = %(run)s AND c.state = 'in_flight'
)
SELECT r.state, r.paused_by, coalesce(r.audience, 0), d.accepted, d.failed, d.skipped, d.unresolved,
    (SELECT count(*) FROM waiting w WHERE NOT EXISTS (
        SELECT 1 FROM campaigns_delivery x WHERE x.run_id = %(run)s AND x.subscriber_id = w.id))
FROM campaigns_run r CROSS JOIN (
    SELECT count(*) FILTER (WHERE state = 'accepted') AS accepted, count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'skipped') AS skipped,
        count(*) FILTER (WHERE state = 'unresolved') AS unresolved
    FROM campaigns_delivery WHERE run_id = %(run)s
) d
WHERE r.id = %(run)s
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """A run at one moment."""

    state: str
    paused_by: str
    audience: int
    accepted: int
    failed: int
    skipped: int
    unresolved: int
    waiting: int

    @property
    def handled(self) -> int:
        """How many have an end, if only for now."""
        return self.accepted + self.failed + self.skipped + self.unresolved

    @property
    def is_exact(self) -> bool:
        """The promise: nobody is counted twice, nobody is forgotten."""
        return self.state == "preparing" or self.audience == self.handled + self.waiting

    @property
    def share(self) -> float:
        """How much of the audience is handled."""
        return self.handled / self.audience if self.audience else 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last word of the ledger about one person."""

    state: str
    reason: str
    message_id: str


class Ledger:
    """Reads; None where the database is away."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.Connection | None = None

    def ask(self, statement: str, **params: Any) -> list[tuple[Any, ...]] | None:
        """Return all rows, or None where Postgres does not answer now."""
        try:
            if self._connection is None:
                # After a crash the planner takes a run of twenty thousand for one of a few rows; nested loops over
                # those have kept a trial's only pair of eyes shut for seconds.
                options = "-c statement_timeout=20000 -c enable_nestloop=off"
                self._connection = psycopg.connect(
                    self._url, autocommit=True, connect_timeout=5, options=options
                )
            return self._connection.execute(statement, params).fetchall()
        except psycopg.OperationalError:
            self.close()
            return None

    def close(self) -> None:
        """Let go of the connection; the next question opens another."""
        with contextlib.suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None

    def sums(self, run_id: int) -> Sums | None:
        """The run as it is now."""
        rows = self.ask(_SUMS, run=run_id)
        return Sums(*rows[0]) if rows else None

    def in_flight(self, run_id: int) -> int:
        """How many calls are on their way; 0 where nobody can tell."""
        rows = self.ask(
            "SELECT count(*) FROM campaigns_call WHERE run_id = %(run)s AND state = 'in_flight'", run=run_id
        )
        return int(rows[0][0]) if rows else 0

    def deliveries(self, run_id: int) -> dict[int, Delivery]:
        """Everybody of the run by id."""
        rows = self.ask(
            "SELECT subscriber_id, state, reason, message_id FROM campaigns_delivery WHERE run_id = %(run)s",
            run=run_id,
        )
        return {row[0]: Delivery(*row[1:]) for row in rows or ()}

    def resent(self, run_id: int, *, by_itself: bool) -> set[int]:
        """The people whom decisions re-sent, an operator's or the platform's own."""
        rows = self.ask(
            "SELECT DISTINCT unnest(subscriber_ids) FROM campaigns_decision"
            " WHERE run_id = %(run)s AND action = 'resend' AND (decided_by IS NULL) = %(itself)s",
            run=run_id,
            itself=by_itself,
        )
        return {row[0] for row in rows or ()}

    def rows_of(self, run_id: int, table: str) -> list[str]:
        """Every row of a table of the ledger that belongs to the run, as JSON."""
        statement = f"SELECT row_to_json(t)::text FROM campaigns_{table} t WHERE run_id = %(run)s"  # noqa: S608 - the caller names a table
        return [row[0] for row in self.ask(statement, run=run_id) or ()]

    def lost_to_kills(self, run_id: int) -> int:
        """Calls whose worker did not come back."""
        rows = self.ask(
            "SELECT count(*) FROM campaigns_call WHERE run_id = %(run)s AND error LIKE 'The worker did not%%'",
            run=run_id,
        )
        return int(rows[0][0]) if rows else 0
