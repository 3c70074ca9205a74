"""The process itself."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from mailplatform.sandbox import cli

ROOT = Path(__file__).parents[3]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "mailplatform.sandbox", "--port", "0", "--max-send-rate", "7"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as found:
        yield found
        found.kill()


def test_it_runs_without_django_and_says_where(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    line = process.stdout.readline()
    url = line.split()[1]
    account = json.loads(urllib3.request("GET", f"{url}/_sandbox/api/account").data)
    assert account["max_send_rate"] == 7.0
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        urllib3.request("GET", f"{url}/_sandbox/health", retries=0)


def test_django_is_not_even_imported() -> None:
    code = "import sys, mailplatform.sandbox.cli; print('django' in sys.modules, 'moto' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


def test_a_busy_port_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match="is in use"):
            cli.listen("127.0.0.1", taken.getsockname()[1])


def test_flags_become_settings() -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    flags = "--no-production-access --no-auto-verify --readers --reader-open 0.5 --reader-seed 3 --reader-target web"
    config = cli.config_from(parser.parse_args(flags.split()))
    assert (config.production_access, config.auto_verify, config.readers) == (False, False, True)
    assert (config.reader_rates, config.reader_targets) == ({"open": 0.5, "seed": 3}, ("web",))
    assert config.max_send_rate == 500.0
