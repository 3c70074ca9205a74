"""Nothing that was answered 200 is lost when servers and Postgres are killed, and in the end all is counted once."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.drill


def test_twenty_kills_lose_nothing_and_the_oracle_agrees() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.event_kills", "20"]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "REDIS_"))}
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] == 20
    assert told["acked"] > 1_000
    assert told["lost"] == 0
    assert told["differences"] == []
