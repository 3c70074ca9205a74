"""Database settings from a connection address."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

PARTS = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
# A server that vanishes without a word (its machine died, a firewall forgot us) would hold whoever waits for it for a
# quarter of an hour. A long query is none: its machine answers the probes. Seconds, but tcp_user_timeout in ms.
PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def from_url(url: str) -> dict[str, Any]:
    """Return a Django DATABASES entry for `postgresql://user:password@host:port/name?host=/socket/dir`.

    What the address says of patience wins over ours.
    """
    parts = conninfo_to_dict(url)
    # Under ASGI each request may run in another thread, which would keep its connection for itself for ever.
    entry: dict[str, Any] = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 0}
    entry |= {ours: str(parts.pop(theirs)) for theirs, ours in PARTS.items() if theirs in parts}
    entry["OPTIONS"] = PATIENCE | dict(parts)
    return entry
