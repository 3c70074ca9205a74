"""What all tests share.

The test database is made, migrated and emptied by the owner's role and used as the application's role.
Postgres and Redis themselves are started by `mailplatform.embedded.pytest_plugin`, before Django reads its
settings.
"""

import gc
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from mailplatform.sandbox.testing import RunningSandbox, running_sandbox
from tests.database import create_copy, flush, grant_rights, wait_until_left
from tests.factories import aws_calls

# Playwright's event loop runs in the thread in which a browser test uses the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# `make drills` looks at many examples of each property. How long one takes says more about the machine than about us.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=300, deadline=None)
hypothesis.settings.load_profile("quick")

# A password is made slow to guess; hundreds of test users need not be.
FAST_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Let the owner create the database; point the application's connection at it."""
    owner, app = connections["owner"], connections["default"]
    production_name = owner.settings_dict["NAME"]
    with django_db_blocker.unblock():
        name = create_copy()
        # A copy has the template's rights but for those on the database itself.
        grant_rights(app.settings_dict["USER"])
        owner.close()
        app.close()
        app.settings_dict["NAME"] = name
    yield
    with django_db_blocker.unblock():
        app.close()
        wait_until_left(name)
        owner.creation.destroy_test_db(production_name, verbosity=0)


def pytest_configure() -> None:
    """Hash passwords fast and hear every call to Amazon, for the length of the run."""
    settings.PASSWORD_HASHERS = FAST_HASHERS
    aws_calls.listen()


@pytest.fixture(scope="session", autouse=True)
def _only_granted_calls() -> Iterator[None]:
    """Hold every call to Amazon that the site's code makes in any test against the printed policies."""
    with aws_calls.recorded_actions() as asked:
        yield
    assert asked <= aws_calls.granted_to_anybody(), "the policies do not allow what the code calls"


@pytest.fixture(scope="session", autouse=True)
def _flush_as_owner() -> Iterator[None]:
    """Clean up after real transactions as the owner: the application's role may not empty tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: flush())
        yield


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let what a module's fixtures write stand until its last test; each test takes back what is its own.

    For modules whose tests do not commit. Postgres's now() stands still meanwhile.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_found_once() -> Iterator[None]:
    """Each `Client` loads the middleware anew, and this one reads every folder of static files."""
    original, found = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def add(self: Any) -> None:
        if not found:
            original(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """One sandbox for all tests of this process that begin with `reset()`."""
    with running_sandbox() as running:
        yield running


def _chromium() -> str | None:
    path = Path(__file__).parents[1] / ".ci" / "chromium.py"
    found = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Start the machine's own Chromium, which must not call home."""
    able = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"]
    quiet = ["--disable-quic", "--disable-background-networking", "--disable-component-update"]
    quiet.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
    return {"executable_path": _chromium(), "headless": True, "args": [*able, *quiet]}


# A test that asks for one of these, or whose module uses one of those, talks to a server or needs real commits.
SERVICE_FIXTURES = frozenset(
    {"sandbox", "shared_sandbox", "transactional_db", "server", "celery", "redis_client"}
)
SERVICE_NAMES = frozenset(
    {"subprocess", "running_sandbox", "RunningSandbox", "threading", "socket", "embedded"}
)


def _needs_services(item: pytest.Item) -> bool:
    database = item.get_closest_marker("django_db")
    committed = database is not None and bool(database.kwargs.get("transaction"))
    module = vars(getattr(item, "module", None) or object)
    return (
        committed
        or not SERVICE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or not SERVICE_NAMES.isdisjoint(module)
    )


def _part(item: pytest.Item) -> pytest.MarkDecorator:
    if _needs_services(item):
        return pytest.mark.services
    is_case = isinstance(getattr(item, "cls", None), type) and issubclass(item.cls, TransactionTestCase)  # type: ignore[attr-defined]
    fixtures = getattr(item, "fixturenames", ())
    wants_database = is_case or "db" in fixtures or item.get_closest_marker("django_db")
    return pytest.mark.database if wants_database else pytest.mark.unit


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and the tests themselves: they stay until the end."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests into the parts of `make test`, and look for Chromium once, if any test wants it."""
    for item in items:
        if not item.get_closest_marker("browser"):
            item.add_marker(_part(item))
    wanting = [item for item in items if item.get_closest_marker("browser")]
    if wanting and _chromium() is None:
        for item in wanting:
            item.add_marker(pytest.mark.skip(reason="no Chromium on this machine"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a skipped browser test fail where a browser is required."""
    report = yield
    if report.skipped and item.get_closest_marker("browser") and os.environ.get("REQUIRE_BROWSER"):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_BROWSER is set, but {item.nodeid} was skipped: {report.longrepr}"
    return report
