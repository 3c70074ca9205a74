"""One Postgres server on a unix socket, safe to start after any kind of death.

Nobody but the owner of its directories (mode 0700) can reach the socket, so it trusts whoever does.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from . import privileges
from .binaries import Postgres
from .errors import EmbeddedError
from .layout import DATABASE, OWNER_ROLE, POSTGRES_SOCKET, SUPERUSER, Layout
from .processes import end, is_running, read_pid

ROLES_SQL = Path(__file__).with_name("roles.sql")
SECONDS_TO_START = 90
ORPHANS_PATIENCE_S = 5
BUILTIN_LOCALES_SINCE = 17


@dataclass(frozen=True, slots=True)
class Server:
    """A server's files, program and user."""

    layout: Layout
    program: Postgres
    run_as: privileges.RunAs
    home: Path
    fast_and_forgetful: bool

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def local_settings(self) -> Path:
        """What an operator adds to postgresql.conf, which is written anew at each start: archiving, memory."""
        return self.home / "local.conf"

    @property
    def pid(self) -> int | None:
        return read_pid(self.data / "postmaster.pid")

    def is_running(self) -> bool:
        return is_running(self.pid, mark=str(self.data))


def server(layout: Layout, program: Postgres, *, fast_and_forgetful: bool = False) -> Server:
    """Describe the server. `fast_and_forgetful` (tests only) trades safety after a power cut for speed."""
    home = layout.postgres_home(program.major)
    return Server(layout, program, privileges.choose(), home, fast_and_forgetful)


def start(it: Server) -> None:
    """Start it, creating its data first if need be; returns at once when it runs. Call it under the lock."""
    if it.is_running():
        return
    _prepare_folders(it)
    if not it.data.exists():
        _create_data(it)
    _launch(it, it.data)


def stop(it: Server) -> None:
    """Stop it cleanly; a server that will not is stopped roughly (it recovers at the next start)."""
    pid = it.pid
    if pid is None or not it.is_running():
        return
    signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
    if not end(pid, mark=str(it.data), signals=signals):
        message = f"Postgres (process {pid}) does not stop"
        raise EmbeddedError(message)


def _prepare_folders(it: Server) -> None:
    for folder in (it.home, it.layout.socket_dir):
        private_folder(folder, it.run_as.owner)
        privileges.give(folder, it.run_as.owner)


def private_folder(folder: Path, owner: int) -> None:
    """Create a folder that only we may enter; refuse one that somebody else has put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in {os.geteuid(), owner, *(_nobody_if_root())}:
        message = f"{folder} belongs to another user: remove it, or choose another MAILPLATFORM_DATA_DIR"
        raise EmbeddedError(message)
    folder.chmod(0o700)


def _nobody_if_root() -> tuple[int, ...]:
    return (privileges.NOBODY,) if os.geteuid() == 0 else ()


def _create_data(it: Server) -> None:
    """Make the cluster beside its place and rename it when whole, so that an interruption leaves no half."""
    draft = it.home / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    locale = (
        ["--locale-provider=builtin", "--locale=C.UTF-8"]
        if it.program.major >= BUILTIN_LOCALES_SINCE
        else ["--no-locale"]
    )
    command = [_tool(it, "initdb"), "-D", str(draft), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", *locale]
    _run(it, [*command, "--no-sync"] if it.fast_and_forgetful else command)
    _launch(it, draft)
    try:
        _create_roles_and_database(it)
    finally:
        _halt(draft)
    draft.rename(it.data)


def _create_roles_and_database(it: Server) -> None:
    with superuser(it, "template1") as connection:
        connection.execute(sql.SQL(ROLES_SQL.read_text()))
    with superuser(it, "postgres") as connection:
        name, owner = sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))


def superuser(it: Server, database: str) -> psycopg.Connection:
    """Connect as whoever may do everything; the caller closes it."""
    return psycopg.connect(host=str(it.layout.socket_dir), user=SUPERUSER, dbname=database, autocommit=True)


def _launch(it: Server, data: Path) -> None:
    (data / "postgresql.conf").write_text(_configuration(it))
    (data / "pg_hba.conf").write_text("local all all trust\nlocal replication all trust\n")
    _forget_the_dead(it, data)
    command = [
        _tool(it, "pg_ctl"),
        "-D",
        str(data),
        "-w",
        "-s",
        "-t",
        str(SECONDS_TO_START),
        "-l",
        str(it.log),
        "start",
    ]
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            _run(it, command)
        except EmbeddedError as error:
            # Children of a killed server hold its shared memory for some moments longer.
            if "shared memory block" not in str(error) or time.monotonic() > deadline:
                raise
            if time.monotonic() > deadline - SECONDS_TO_START + ORPHANS_PATIENCE_S:
                _end_orphans(data)
            time.sleep(0.2)
        else:
            return


def _end_orphans(data: Path) -> None:
    """End the children of a killed server that have not noticed its death: they work in its data directory."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if (process / "cwd").resolve() == data.resolve() and (
                process / "cmdline"
            ).read_bytes().startswith(b"postgres:"):
                os.kill(int(process.name), signal.SIGKILL)


def _forget_the_dead(it: Server, data: Path) -> None:
    """Remove the pid files of a killed server: their number may meanwhile belong to anybody."""
    pid_file = data / "postmaster.pid"
    if is_running(read_pid(pid_file), mark=str(data)):
        return
    socket = it.layout.socket_dir / POSTGRES_SOCKET
    for leftover in (pid_file, socket, socket.with_name(f"{POSTGRES_SOCKET}.lock")):
        leftover.unlink(missing_ok=True)


def _halt(data: Path) -> None:
    pid = read_pid(data / "postmaster.pid")
    if pid is not None:
        end(pid, mark=str(data), signals=(signal.SIGINT, signal.SIGQUIT))


def _configuration(it: Server) -> str:
    """postgresql.conf, whole. Sizes for a laptop; docs/operations.md has those for a server."""
    safety = "off" if it.fast_and_forgetful else "on"
    folder = str(it.layout.socket_dir).replace("'", "''").replace('"', '""')
    local = str(it.local_settings).replace("'", "''")
    return f"""\
listen_addresses = ''
port = 5432
unix_socket_directories = '"{folder}"'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
work_mem = 16MB
max_wal_size = 2GB
jit = off
wal_compression = on
fsync = {safety}
synchronous_commit = {safety}
full_page_writes = {safety}
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
include_if_exists = '{local}'
"""


def program(it: Server, name: str) -> list[str]:
    """The beginning of a command that runs one of Postgres's programs as its user."""
    return [*it.run_as.prefix, _tool(it, name)]


def _tool(it: Server, name: str) -> str:
    folder = it.program.folder
    if it.run_as.is_other_user and not privileges.is_reachable(folder / name):
        folder = _copy_of_programs(it)
    return str(folder / name)


def _copy_of_programs(it: Server) -> Path:
    """Copy the programs and their libraries to where the other user can run them."""
    package = it.program.folder.parents[1]
    copy = it.layout.programs(it.program.major)
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, copy / part.name)
        (copy / "complete").touch()
    copy.chmod(0o755)
    return copy / it.program.folder.relative_to(package.parent)


def _run(it: Server, command: list[str]) -> None:
    # A log from before would hide why this start failed.
    with contextlib.suppress(FileNotFoundError):
        os.truncate(it.log, 0)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {
        "LC_ALL": "C"
    }
    result = subprocess.run(
        [*it.run_as.prefix, *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, cwd="/", text=True, check=False, start_new_session=True,
    )  # fmt: skip
    if result.returncode != 0:
        log = it.log.read_text(errors="replace") if it.log.exists() else ""
        message = f"{Path(command[0]).name} failed: {result.stdout.strip()} {log.strip()[-1500:]}"
        raise EmbeddedError(message)
