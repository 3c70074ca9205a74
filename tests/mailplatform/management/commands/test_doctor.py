import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mailplatform.sandbox.testing import RunningSandbox

# One provisions a whole account first, the others start a process.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


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


def test_no_process_starts_with_a_region_outside_the_eea() -> None:
    done = run(AWS_REGION="us-east-1")
    assert done.returncode == 1
    assert "European Economic Area" in done.stderr
