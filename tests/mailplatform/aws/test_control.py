import time
import uuid

import pytest

from mailplatform.aws import control
from mailplatform.aws.session import Connection


def connection(**endpoints: str) -> Connection:
    return Connection(
        "eu-central-1", access_key_id=uuid.uuid4().hex, secret_access_key="s", endpoint_urls=endpoints
    )


def test_turns_are_one_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    account = connection()
    for _ in range(3):
        control.wait_turn(account, patience=10)
    assert waits[0] == 0
    assert 0.5 < waits[1] <= 1
    assert 1.5 < waits[2] <= 2


def test_who_has_little_patience_gives_up_and_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    account = connection()
    control.wait_turn(account, patience=1)
    control.wait_turn(account, patience=10)
    with pytest.raises(control.ControlQueueBusy, match="Try again"):
        control.wait_turn(account, patience=0.1)
    control.wait_turn(account, patience=10)
    assert waits[-1] <= 2


def test_accounts_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    control.wait_turn(connection(), patience=0.1)
    control.wait_turn(connection(), patience=0.1)
    assert waits == [0, 0]


def test_a_local_stand_in_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))
    for _ in range(3):
        control.wait_turn(connection(sesv2="http://127.0.0.1:1"), patience=0)
