import os
from pathlib import Path

import pytest

from mailplatform.embedded import EmbeddedError, privileges


@pytest.fixture(autouse=True)
def _ask_anew() -> None:
    privileges.choose.cache_clear()


def tools(folder: Path, **exit_codes: int) -> str:
    """A PATH whose tools answer as told."""
    for name, code in exit_codes.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\nexit {code}\n")
        program.chmod(0o755)
    return str(folder)


def test_an_ordinary_user_runs_postgres_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    chosen = privileges.choose()
    assert chosen.prefix == ()
    assert not chosen.is_other_user


def test_root_prefers_a_user_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", tools(tmp_path, unshare=0, setpriv=0))
    chosen = privileges.choose()
    assert chosen.prefix[0] == "unshare"
    assert chosen.owner == 0


def test_where_the_kernel_refuses_it_root_becomes_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", tools(tmp_path, unshare=1, setpriv=0))
    chosen = privileges.choose()
    assert chosen.prefix[0] == "setpriv"
    assert chosen.owner == privileges.NOBODY


def test_root_without_either_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", tools(tmp_path, unshare=1))
    with pytest.raises(EmbeddedError, match="use another user"):
        privileges.choose()


def test_a_folder_under_a_closed_one_is_out_of_reach(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not privileges.is_reachable(closed / "below")
