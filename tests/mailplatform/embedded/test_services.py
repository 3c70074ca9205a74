"""The real servers, in directories of their own: whatever happened before, `start` must give working ones."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from mailplatform import embedded
from mailplatform.embedded import __main__ as command
from mailplatform.embedded import postgres, redis_server, services
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.layout import Layout
from mailplatform.embedded.locks import exclusively
from mailplatform.embedded.processes import read_pid

# Servers are started, killed and started again: minutes, not seconds.
pytestmark = pytest.mark.drill


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cluster once; most tests start on a copy."""
    layout = Layout.of(tmp_path_factory.mktemp("cluster"))
    it = postgres.server(layout, find_postgres(), fast_and_forgetful=True)
    postgres.start(it)
    postgres.stop(it)
    return it.home


@pytest.fixture
def data_dir(empty_dir: Path, cluster: Path) -> Path:
    empty_dir.mkdir(mode=0o700)
    shutil.copytree(cluster, server(empty_dir).home)
    return empty_dir


@pytest.fixture
def empty_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    layout = Layout.of(folder)
    if folder.exists():
        with exclusively(layout.lock_file):
            services.remove_servers(layout)


def start(data_dir: Path) -> embedded.Services:
    return embedded.start(data_dir, fast_and_forgetful=True)


def server(data_dir: Path) -> postgres.Server:
    return postgres.server(Layout.of(data_dir), find_postgres())


def run_sql(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def test_both_answer(empty_dir: Path) -> None:
    with start(empty_dir) as found:
        assert run_sql(found.database_url, "SELECT current_user") == [("mailplatform_app",)]
        assert run_sql(found.database_owner_url, "SELECT current_user") == [("mailplatform_owner",)]
        client = Redis.from_url(found.redis_url)
        assert client.ping()
        client.close()


def test_the_application_cannot_change_tables(data_dir: Path) -> None:
    with start(data_dir) as found:
        run_sql(found.database_owner_url, "CREATE TABLE thing (id int)")
        run_sql(found.database_url, "INSERT INTO thing VALUES (1)")
        for statement in (
            "DROP TABLE thing",
            "TRUNCATE thing",
            "CREATE TABLE other ()",
            "ALTER TABLE thing ADD x int",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                run_sql(found.database_url, statement)


def test_neither_role_is_superuser(data_dir: Path) -> None:
    with start(data_dir) as found:
        rows = run_sql(
            found.database_url, "SELECT rolname FROM pg_roles WHERE rolsuper AND rolname LIKE 'mailplatform%'"
        )
        assert rows == []


def test_what_was_written_is_there_after_a_restart(data_dir: Path) -> None:
    with start(data_dir) as found:
        run_sql(found.database_owner_url, "CREATE TABLE thing (id int)")
    assert not server(data_dir).is_running()
    with start(data_dir) as found:
        assert run_sql(found.database_url, "SELECT count(*) FROM thing") == [(0,)]


def test_the_second_user_keeps_the_servers_running(data_dir: Path) -> None:
    first, second = start(data_dir), start(data_dir)
    first.stop()
    first.stop()
    assert run_sql(second.database_url, "SELECT 1") == [(1,)]
    second.stop()
    assert not server(data_dir).is_running()


def test_two_starters_at_once(data_dir: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: start(data_dir), range(4)))
    assert len({one.database_url for one in found}) == 1
    assert run_sql(found[0].database_url, "SELECT 1") == [(1,)]
    for one in found:
        one.stop()
    assert not server(data_dir).is_running()


def test_after_both_were_killed(data_dir: Path) -> None:
    found = embedded.start(data_dir)
    run_sql(found.database_owner_url, "CREATE TABLE thing (id int)")
    for pid in (server(data_dir).pid, read_pid(data_dir / "redis" / "redis.pid")):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    with start(data_dir) as again:
        assert run_sql(again.database_url, "SELECT count(*) FROM thing") == [(0,)]


def test_a_child_that_does_not_notice_its_server_s_death_is_ended(data_dir: Path) -> None:
    found = embedded.start(data_dir)
    with psycopg.connect(found.database_url) as connection:
        child, parent = connection.info.backend_pid, server(data_dir).pid
        assert parent is not None
        os.kill(child, signal.SIGSTOP)
        os.kill(parent, signal.SIGKILL)
        with start(data_dir) as again:
            assert run_sql(again.database_url, "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_somebody_else_is_not_believed(data_dir: Path) -> None:
    start(data_dir).stop()
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        (server(data_dir).data / "postmaster.pid").write_text(
            f"{stranger.pid}\n{server(data_dir).data}\n1\n5432\n"
        )
        (data_dir / "redis" / "redis.pid").write_text(f"{stranger.pid}\n")
        with start(data_dir) as found:
            assert run_sql(found.database_url, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_user_who_was_killed_holds_nothing(data_dir: Path) -> None:
    script = (
        "import sys, time; from mailplatform import embedded; "
        f"s = embedded.start({str(data_dir)!r}, fast_and_forgetful=True); "
        "print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        other.kill()
    assert server(data_dir).is_running()
    start(data_dir).stop()
    assert not server(data_dir).is_running()


def test_data_half_made_by_an_interrupted_start_is_made_anew(empty_dir: Path) -> None:
    draft = server(empty_dir).home / "data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    with start(empty_dir) as found:
        assert run_sql(found.database_url, "SELECT 1") == [(1,)]
    assert not draft.exists()


def test_a_deep_data_directory_has_short_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 25) / "data"
    with start(deep) as found:
        assert run_sql(found.database_url, "SELECT 1") == [(1,)]
        assert Layout.of(deep).socket_dir.stat().st_mode & 0o777 == 0o700
    with exclusively(Layout.of(deep).lock_file):
        services.remove_servers(Layout.of(deep))
    assert not Layout.of(deep).socket_dir.exists()


def test_a_socket_directory_of_somebody_else_is_refused(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Layout.of(data_dir).socket_dir.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(embedded.EmbeddedError, match="belongs to another user"):
        start(data_dir)


def test_nobody_else_can_reach_the_sockets(data_dir: Path) -> None:
    with start(data_dir):
        assert Layout.of(data_dir).socket_dir.stat().st_mode & 0o777 == 0o700
        assert data_dir.stat().st_mode & 0o777 == 0o700


def test_given_addresses_win_and_nothing_is_started(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://app@db/site")
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/0")
    with start(data_dir) as found:
        assert found.environment() == {
            "DATABASE_URL": "postgres://app@db/site",
            "DATABASE_OWNER_URL": "postgres://app@db/site",
            "REDIS_URL": "redis://cache:6379/0",
        }
    assert not server(data_dir).is_running()
    assert not redis_server.answers(Layout.of(data_dir))


def test_a_given_redis_leaves_only_postgres_to_start(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/0")
    with start(data_dir) as found:
        assert run_sql(found.database_url, "SELECT 1") == [(1,)]
        assert not redis_server.answers(Layout.of(data_dir))


def test_a_failure_tells_why(data_dir: Path) -> None:
    start(data_dir).stop()
    (server(data_dir).data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(embedded.EmbeddedError, match="incompatible"):
        start(data_dir)


class TestByHand:
    def test_services_stay_until_told_to_stop(
        self, data_dir: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = ["--data-dir", str(data_dir)]
        assert command.main(["status", *place]) == 3
        assert command.main(["start", *place]) == 0
        embedded.start(data_dir).stop()
        assert command.main(["status", *place]) == 0
        assert command.main(["stop", *place]) == 0
        assert command.main(["status", *place]) == 3
        assert "postgres: no" in capsys.readouterr().out

    def test_stop_leaves_what_others_use(self, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with start(data_dir) as found:
            command.main(["stop", "--data-dir", str(data_dir)])
            assert "another process uses" in capsys.readouterr().out
            assert run_sql(found.database_url, "SELECT 1") == [(1,)]

    def test_env_prints_the_addresses(self, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        command.main(["env", "--data-dir", str(data_dir)])
        assert f"DATABASE_URL={embedded.database_url(data_dir)}" in capsys.readouterr().out

    def test_remove_deletes_the_data(self, data_dir: Path) -> None:
        start(data_dir).stop()
        assert command.main(["remove", "--data-dir", str(data_dir)]) == 0
        assert not server(data_dir).home.exists()

    def test_run_gives_a_command_the_servers_and_answers_with_its_exit_code(self, data_dir: Path) -> None:
        asks = (
            "import os, psycopg, sys;"
            "psycopg.connect(os.environ['DATABASE_URL']).close();"
            "sys.exit(7 if os.environ['REDIS_URL'] else 1)"
        )
        assert command.main(["run", "--data-dir", str(data_dir), "--", sys.executable, "-c", asks]) == 7
        assert command.main(["status", "--data-dir", str(data_dir)]) == 3
