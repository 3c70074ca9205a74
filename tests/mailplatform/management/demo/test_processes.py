"""The demo's processes are started, watched and stopped."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from mailplatform.management.demo import processes


@pytest.fixture
def supervisor(tmp_path: Path) -> processes.Supervisor:
    return processes.Supervisor(dict(os.environ), tmp_path / "logs")


def test_a_busy_port_makes_it_take_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        with processes.hold_free_port(busy) as held:
            assert held.getsockname()[1] > busy


def test_a_port_once_found_is_held_against_a_second_demo() -> None:
    with processes.hold_free_port(20_000) as first, processes.hold_free_port(20_000) as second:
        assert first.getsockname()[1] < second.getsockname()[1]


def test_no_free_port_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="No free port between"):
            processes.hold_free_port(taken.getsockname()[1], tries=1)


def test_a_process_that_dies_is_named_with_its_log(supervisor: processes.Supervisor) -> None:
    supervisor.start("web", [sys.executable, "-c", "print('last words', flush=True); raise SystemExit(3)"])
    supervisor.children[0][1].wait(timeout=20)
    with pytest.raises(processes.ProcessDiedError, match="The web process stopped with code 3") as caught:
        supervisor.check()
    assert caught.value.log is not None
    assert "last words" in caught.value.log.read_text()


def test_a_command_that_fails_in_the_foreground_is_an_error(supervisor: processes.Supervisor) -> None:
    with pytest.raises(processes.ProcessDiedError, match="The database process stopped with code 1"):
        supervisor.run("database", [sys.executable, "-c", "raise SystemExit(1)"])


def test_stop_kills_a_process_that_does_not_listen(supervisor: processes.Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    deaf = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    supervisor.start("deaf", [sys.executable, "-c", deaf])
    child = supervisor.children[0][1]
    while not ready.exists():
        time.sleep(0.02)
    supervisor.stop(seconds=0.3)
    assert child.returncode == -9
    assert supervisor.children == []


def test_waiting_for_what_never_answers_ends_with_words(supervisor: processes.Supervisor) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(TimeoutError, match="did not answer within"):
            supervisor.wait_for(url, seconds=0.2)
