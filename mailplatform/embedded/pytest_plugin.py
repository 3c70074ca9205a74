"""Starts the services before Django reads its settings; loaded by `-p` in pyproject.toml.

The tests get a data directory of their own (`.data/tests` unless MAILPLATFORM_DATA_DIR says otherwise), so
that a running demo is left alone, and each xdist worker a Redis database of its own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import Services, start

_started: list[Services] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    data_dir = os.environ.setdefault("MAILPLATFORM_DATA_DIR", str(Path(".data/tests").absolute()))
    # WhiteNoise warns of a missing STATIC_ROOT, and a warning is an error here.
    (Path(data_dir) / "static").mkdir(mode=0o700, parents=True, exist_ok=True)
    services = start(data_dir, fast_and_forgetful=True)
    _started.append(services)
    os.environ.update(services.environment())
    os.environ["REDIS_URL"] = _own_redis(services.redis_url)
    return (yield)


def pytest_unconfigure() -> None:
    while _started:
        _started.pop().stop()


def _own_redis(url: str) -> str:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")
    return f"{url.removesuffix('?db=0')}?db={int(worker) + 1}" if url.startswith("unix:") else url
