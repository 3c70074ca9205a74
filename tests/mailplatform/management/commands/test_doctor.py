import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from campaigns.models import ScheduleTick
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.management import doctor
from mailplatform.management.doctor import Finding, Level, live
from mailplatform.sandbox.testing import RunningSandbox

# Each provisions a whole account first.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def provisioned(sandbox: RunningSandbox, site: object) -> RunningSandbox:
    call_command("provision", "--identity", "example.eu", stdout=StringIO())
    installation.update(actor=None, sender_address="news@example.eu", sender_name="News")
    sandbox.api.post("identities/example.eu/verify")
    ScheduleTick.objects.create(at=clock.now())
    return sandbox


def findings() -> dict[str, Finding]:
    return {finding.subject: finding for finding in doctor.examine()}


def errors() -> set[str]:
    return {subject for subject, finding in findings().items() if finding.level is Level.ERROR}


def test_a_healthy_site_misses_only_its_worker_and_says_so_in_lines_and_in_json(
    provisioned: RunningSandbox,
) -> None:
    output = StringIO()
    with pytest.raises(CommandError, match="must be mended"):
        call_command("doctor", stdout=output)
    lines = output.getvalue().splitlines()
    wrong = [line for line in lines if line.startswith("ERROR")]
    assert [line[9:].partition(":")[0] for line in wrong] == ["Workers"], wrong
    named = {line[9:].partition(":")[0] for line in lines}
    assert {
        "Postgres",
        "Database role",
        "Tables",
        "Redis",
        "Public address",
        "SES account",
        "SNS topic",
    } <= named
    assert {"Clock", "Clock of Amazon", "Scheduler", "Storage", "Disk", "Sender example.eu"} <= named
    assert sum(subject.startswith("Configuration set ") for subject in named) == 4
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", stdout=output)
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert {row["subject"] for row in rows} == named
    assert all(row.keys() == {"level", "subject", "detail"} for row in rows)


@contextmanager
def row_changed(**changes: Any) -> Iterator[None]:
    before = Installation.objects.filter(pk=1).values(*changes).get()
    Installation.objects.filter(pk=1).update(**changes)
    yield
    Installation.objects.filter(pk=1).update(**before)


def test_each_fault_of_the_account_is_found_and_its_cure_named(provisioned: RunningSandbox) -> None:
    prefix = installation.get().configuration_set_prefix
    ses = provisioned.client("sesv2")
    faults: list[tuple[Callable[[], AbstractContextManager[Any]], str, str]] = [
        (lambda: override_settings(AWS_SECRET_ACCESS_KEY="wrong" * 8), "SES account", ""),
        (
            lambda: override_settings(AWS_REGION="us-east-1"),
            "Amazon keys and Region",
            "European Economic Area",
        ),
        (
            lambda: override_settings(PUBLIC_URL="http://127.0.0.1:9"),
            "Public address",
            "is the web process",
        ),
        (
            lambda: override_settings(PUBLIC_URL="http://127.0.0.1:9"),
            "SNS subscription",
            "manage.py provision",
        ),
        (lambda: row_changed(account_id="999999999999"), "Amazon account", "was provisioned"),
        (lambda: row_changed(account_id=""), "Provisioning", "manage.py provision"),
        (lambda: row_changed(sender_address="a@unknown.example"), "Sender unknown.example", "--identity"),
        (nullcontext, "Workers", "celery -A mailplatform worker"),
    ]
    wrong = {}
    for inject, subject, cure in faults:
        with inject():
            found = findings().get(subject)
        if found is None or found.level is not Level.ERROR or cure not in found.detail:
            wrong[subject] = found
    ses.delete_configuration_set(ConfigurationSetName=f"{prefix}-none")
    assert f"Configuration set {prefix}-none" in errors()
    assert wrong == {}


def test_mails_to_the_simulators_come_back_as_events(provisioned: RunningSandbox, settings: Any) -> None:
    found = list(live.examine(wait=20))
    assert {finding.subject for finding in found} == {"Live success", "Live bounce", "Live complaint"}
    assert [finding for finding in found if finding.level is not Level.OK] == []
    settings.AWS_SECRET_ACCESS_KEY = "wrong" * 8
    assert {finding.level for finding in live.examine(wait=0)} == {Level.ERROR}


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_postgres_it_says_so_and_stops() -> None:
    done = run(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "mend DATABASE_URL" in done.stdout


def test_with_tables_of_another_version_it_names_the_command() -> None:
    from django.db.migrations.recorder import MigrationRecorder

    newest = MigrationRecorder.Migration.objects.filter(app="accounts").latest("name")
    newest.delete()
    try:
        assert "run `manage.py setup_database`" in findings()["Tables"].detail
    finally:
        newest.save(force_insert=True)


def test_no_process_starts_with_a_region_outside_the_eea() -> None:
    done = run(AWS_REGION="us-east-1")
    assert done.returncode == 1
    assert "European Economic Area" in done.stderr
