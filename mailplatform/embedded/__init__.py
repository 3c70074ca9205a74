"""Postgres and Redis without installing anything: for `make demo`, development and the tests.

    with embedded.start(".data") as services:
        psycopg.connect(services.database_url)

`DATABASE_URL` and `REDIS_URL` in the environment win: what they name is used, and nothing is started in its
place.
Several processes may use one data directory; the last to stop stops the servers.
"""

from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from .errors import EmbeddedError
from .layout import APP_ROLE, OWNER_ROLE, Layout
from .services import Services, start

__all__ = [
    "EmbeddedError", "Services", "celery_url", "database_owner_url", "database_url", "redis_url", "start",
]  # fmt: skip


def database_url(data_dir: Path | str) -> str:
    """Where the application's role finds the database of this data directory, started or not."""
    return Layout.of(data_dir).database_url(APP_ROLE)


def database_owner_url(data_dir: Path | str) -> str:
    """Return the same for the owner's role, which migrates."""
    return Layout.of(data_dir).database_url(OWNER_ROLE)


def redis_url(data_dir: Path | str) -> str:
    return Layout.of(data_dir).redis_url


def celery_url(redis_url: str) -> str:
    """Return kombu's form of a Redis address: it spells unix sockets in its own way."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{quote(parts.path, safe='/%')}?virtual_host={database}"
