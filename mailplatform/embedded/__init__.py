"""Postgres and Redis without installing anything: for `make demo`, development and the tests.

    with embedded.start(".data") as services:
        psycopg.connect(services.database_url)

`DATABASE_URL` and `REDIS_URL` in the environment win: what they name is used and nothing is started in its place.
Several processes may use one data directory; the last to stop stops the servers.
"""

from .errors import EmbeddedError
from .services import Services, expected, start

__all__ = ["EmbeddedError", "Services", "expected", "start"]
