"""The benchmark itself: a few hundred people, everybody counted."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.drill

KEYS = {
    "recipients",
    "ratio_to_plain",
    "recipients_per_client_cpu_s",
    "pg_us_per_recipient",
    "wal_bytes_per_recipient",
    "freeze_seconds_per_million",
    "peak_rss_mb",
    "duplicates",
    "missing",
}


def test_it_ends_with_its_figures_and_loses_nobody() -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "REDIS_"))}
    command = [sys.executable, "-m", "tests.benchmarks.bench_send"]
    done = subprocess.run(command, env={**own, "SIZE": "tiny"}, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures.keys() >= KEYS
    assert (figures["recipients"], figures["duplicates"], figures["missing"]) == (600, 0, 0)
