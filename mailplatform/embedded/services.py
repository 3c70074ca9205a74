"""Starting and stopping both servers together, shared between processes."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from . import postgres, redis_server
from .binaries import find_postgres, find_redis
from .layout import APP_ROLE, OWNER_ROLE, Layout
from .locks import Usage, exclusively, in_use


@dataclass(slots=True)
class Services:
    """Addresses of the running services. `stop()` gives up this process's share in them."""

    database_owner_url: str
    database_url: str
    redis_url: str
    _layout: Layout | None = None
    _usage: Usage | None = field(default=None, repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that make a child process use the same services."""
        return {
            "DATABASE_OWNER_URL": self.database_owner_url,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }

    def stop(self) -> None:
        """Stop the servers when nobody else uses them and nobody asked to keep them. May be called twice."""
        if self._usage is None or self._layout is None:
            return
        with exclusively(self._layout.lock_file):
            last = self._usage.give_up()
            self._usage = None
            if last and not self._layout.keep_file.exists():
                stop_servers(self._layout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(data_dir: Path | str, *, fast_and_forgetful: bool = False, share: bool = True) -> Services:
    """Start what the environment does not name; wait until it answers.

    `fast_and_forgetful` is for tests: no fsync. `share=False` takes no share: the servers stay until told.
    Raises EmbeddedError with one line that says what to do.
    """
    layout = Layout.of(data_dir)
    layout.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = expected(data_dir, os.environ)
    needs_postgres, needs_redis = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    if not (needs_postgres or needs_redis):
        return found
    with exclusively(layout.lock_file):
        if needs_postgres:
            postgres.start(postgres.server(layout, find_postgres(), fast_and_forgetful=fast_and_forgetful))
        if needs_redis:
            redis_server.start(layout, find_redis())
        if share:
            return replace(found, _layout=layout, _usage=Usage(layout.users_file))
    return found


def expected(data_dir: Path | str, environment: Mapping[str, str]) -> Services:
    """The addresses that `start` would return, without starting anything."""
    layout = Layout.of(data_dir)
    database_url = environment.get("DATABASE_URL", "")
    owner_default = database_url or layout.database_url(OWNER_ROLE)
    return Services(
        database_owner_url=environment.get("DATABASE_OWNER_URL", "") or owner_default,
        database_url=database_url or layout.database_url(APP_ROLE),
        redis_url=environment.get("REDIS_URL", "") or layout.redis_url,
    )


def stop_servers(layout: Layout) -> None:
    """Stop both, whoever uses them. Call it under the lock."""
    redis_server.stop(layout)
    postgres.stop(postgres.server(layout, find_postgres()))


def remove_servers(layout: Layout) -> None:
    """Stop both and delete what they keep, this Postgres version's data. Call it under the lock."""
    stop_servers(layout)
    layout.keep_file.unlink(missing_ok=True)
    major = find_postgres().major
    for folder in (layout.postgres_home(major), layout.programs(major), layout.redis_home, layout.socket_dir):
        shutil.rmtree(folder, ignore_errors=True)


def status(layout: Layout) -> dict[str, bool]:
    return {
        "postgres": postgres.server(layout, find_postgres()).is_running(),
        "redis": redis_server.answers(layout),
        "in_use": layout.users_file.exists() and in_use(layout.users_file),
    }
