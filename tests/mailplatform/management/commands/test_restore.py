"""A backup is made and restored into another database: what comes back, what is refused, what is locked."""

import datetime as dt
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections
from django.test import Client
from psycopg import sql

from campaigns.models import Delivery, Restore, Run
from campaigns.sending import states
from campaigns.services import restoring
from mailplatform.accounts.models import UserSession
from mailplatform.core import clock
from mailplatform.management.backup import archive, loading, manifest, tools
from mailplatform.management.backup.errors import BackupError
from subscribers.selectors import register
from subscribers.services import consent
from tests.factories.accounts import AdminFactory
from tests.factories.sending import make_list, make_people, make_run

NEW = "restored_by_a_test"
whole = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def own_files(tmp_path: Path, settings: Any) -> Path:
    """Uploads, checkpoints and the ledger's key of this test alone."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "checkpoints" / "ledger.jsonl")
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "logo.png").write_bytes(b"png")
    return tmp_path


@pytest.fixture
def into_new(own_files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let what follows happen in an empty database."""
    server = tools.owners_database()
    name = sql.Identifier(NEW)

    def admin(*statements: str) -> None:
        with psycopg.connect(server.conninfo, autocommit=True) as maintenance:
            for each in statements:
                maintenance.execute(sql.SQL(each).format(name))

    def switch() -> None:
        admin("DROP DATABASE IF EXISTS {}", "CREATE DATABASE {}")
        connections.close_all()
        for alias in ("default", "owner"):
            monkeypatch.setitem(connections[alias].settings_dict, "NAME", NEW)

    yield switch
    connections.close_all()
    monkeypatch.undo()
    admin("DROP DATABASE IF EXISTS {}")


def _call(*arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@whole
def test_there_and_back(own_files: Path, into_new: Callable[[], None]) -> None:
    mailing_list = make_list()
    people = make_people(3, mailing_list)
    run = make_run(mailing_list)
    _record(people[0].pk)
    Client().force_login(AdminFactory.create())
    assert UserSession.objects.exists()
    path = own_files / "x.backup"
    out, _ = _call("backup", path)
    assert "consent register: block 1" in out
    assert path.stat().st_mode & 0o077 == 0
    _record(people[1].pk)  # is lost
    (own_files / "media" / "logo.png").unlink()

    into_new()
    out, err = _call("restore", path)
    assert "lost, also withdrawals: 1." in err
    assert "Campaigns paused: 1. People of them who may have got mail since: 3." in out
    assert "every seal holds" in out
    assert not UserSession.objects.exists()
    row = Restore.objects.get()
    assert (row.people, row.lost_records, row.unlocked_at) == (3, 1, None)
    run = Run.objects.get()
    assert (run.state, run.paused_by) == ("paused", "restored")
    assert set(Delivery.objects.values_list("state", "reason")) == {("unresolved", "restored")}
    assert (own_files / "media" / "logo.png").read_bytes() == b"png"
    # The application's role has its rights again, and no more.
    assert register.role_warnings() == []
    with pytest.raises(psycopg.Error):
        connection.cursor().connection.execute("DELETE FROM subscribers_consentrecord")
    connections.close_all()
    # The register goes on, with a checkpoint file of its own.
    _record(people[2].pk)
    assert register.verify().ok
    assert len(list((own_files / "checkpoints").iterdir())) == 2

    with pytest.raises(CommandError, match="is not empty"):
        _call("restore", path)
    assert "Unlocked." in _call("restore", "--unlock")[0]
    with pytest.raises(CommandError, match="not locked"):
        _call("restore", "--unlock")
    assert states.resume(run.pk)


def _record(person: int) -> None:
    consent.record(
        subscriber_id=person, purpose="marketing_email", act="granted", lawful_basis="consent", method="form",
        source="footer", occurred_at=clock.now(), actor="person", evidence={"box": "ticked"},
    )  # fmt: skip


@whole
def test_a_dump_that_breaks_off_leaves_the_database_empty(
    own_files: Path, into_new: Callable[[], None]
) -> None:
    path = own_files / "x.backup"
    _call("backup", path)
    reader = archive.Reader(path)
    half = reader.database().read(400_000)
    reader.close()
    into_new()
    database = tools.owners_database()
    server = loading.check_empty(database)
    for dump in (half, b"no dump at all"):
        with pytest.raises(BackupError, match="as empty as before"):
            loading.load(database, io.BytesIO(dump), server_major=server, taken_at=clock.now())
        assert loading.check_empty(database) == server
    with database.connect(), pytest.raises(BackupError, match=r"1 other connection\(s\)"):
        loading.check_empty(database)
    connection.ensure_connection()  # the application's: its role is another one
    with pytest.raises(BackupError, match=r"1 other connection\(s\)"):
        loading.check_empty(database)


@whole
def test_a_restore_that_was_killed_before_its_lock_can_only_be_finished(
    own_files: Path, into_new: Callable[[], None]
) -> None:
    """Starting all services sets up the database; that must not open one that knows nothing of its lost time."""
    make_run(make_list())
    path = own_files / "x.backup"
    _call("backup", path)
    reader = archive.Reader(path)
    into_new()
    database = tools.owners_database()
    at = reader.manifest.taken_at
    loading.load(database, reader.database(), server_major=loading.check_empty(database), taken_at=at)
    reader.close()
    with pytest.raises(CommandError, match="not finished") as raised:
        _call("setup_database")
    with pytest.raises(ProgrammingError, match="permission denied"):
        Run.objects.first()
    connections.close_all()
    _call("restore", "--lock-as-of", str(raised.value).rpartition(" ")[2])
    assert Restore.objects.get().taken_at == at
    assert Run.objects.get().paused_by == "restored"
    _call("setup_database")


@whole
def test_refusals_come_before_anything_is_done(own_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_files / "x.backup"
    _call("backup", own_files)
    (made,) = own_files.glob("mailplatform-*.backup")
    shutil.copy(made, path)
    with pytest.raises(CommandError, match="exists already"):
        _call("backup", path)
    with pytest.raises(CommandError, match="cannot be written"):
        _call("backup", own_files / "nowhere" / "x")
    with pytest.raises(CommandError, match="is not empty"):
        _call("restore", path)
    monkeypatch.setattr(manifest, "data_key", lambda: "another")
    with pytest.raises(CommandError, match="DATA_KEY is another one"):
        _call("restore", path)
    assert not list(own_files.glob("*.part"))


@pytest.mark.parametrize("text", ["", "noon", "2026-11-22T12:04", "2026-11-22", "2999-01-01T00:00:00+00:00"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"is no time|lies in the future"):
        _call("restore", f"--lock-as-of={text}")


@whole
def test_a_database_that_something_else_put_back_is_locked(
    own_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sequences of empty tables are not put back: other tests find theirs where they expect them.
    monkeypatch.setattr(restoring, "NUMBERS_LEFT_OUT", 10)
    at = clock.now() - dt.timedelta(minutes=5)
    with monkeypatch.context() as patched:
        patched.setattr(register, "verify_restored", _interrupted)
        for time in (at + dt.timedelta(minutes=4), at):  # a slip of the pen, and what was meant
            with pytest.raises(KeyboardInterrupt):
                _call("restore", f"--lock-as-of={time.isoformat()}")
    # Half done, it is open to nobody, and the advice names the time that was said last.
    with pytest.raises(CommandError, match="not finished") as raised:
        _call("setup_database")
    assert dt.datetime.fromisoformat(str(raised.value).rpartition(" ")[2]) == at
    with pytest.raises(ProgrammingError, match="permission denied"):
        Run.objects.first()
    connections.close_all()
    _, err = _call("restore", f"--lock-as-of={at.isoformat()}")
    assert "no checkpoints" in err
    assert not Run.objects.exists()
    assert Restore.objects.get().taken_at == at


def _interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("options", [["--wal=/x"], ["--unlock", "--complete"], ["/x", "--archive=/y"]])
def test_options_that_do_not_belong_together_are_refused(options: list[str]) -> None:
    with pytest.raises(CommandError, match="belong"):
        _call("restore", *options)


def test_another_postgres_is_not_recovered_by_us(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="is not the embedded one"):
        _call("restore", f"--wal={tmp_path}", f"--archive={tmp_path}")
