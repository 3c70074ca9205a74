"""Database settings from a connection address."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

PARTS = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def from_url(url: str) -> dict[str, Any]:
    """Return a Django DATABASES entry for `postgresql://user:password@host:port/name?host=/socket/dir`."""
    parts = conninfo_to_dict(url)
    # Under ASGI each request may run in another thread, which would keep its connection for itself for ever.
    entry: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 0}
    entry |= {ours: str(parts.pop(theirs)) for theirs, ours in PARTS.items() if theirs in parts}
    entry["OPTIONS"] = dict(parts)
    return entry
