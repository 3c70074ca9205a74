"""The address of an SMTP server, as an operator writes it."""

import pytest

from mailplatform import env
from mailplatform.core.smtp_server import SmtpAddressError, SmtpServer


@pytest.mark.parametrize(
    ("address", "password", "read"),
    [
        ("smtp://mail.example", "", SmtpServer("mail.example", 587)),
        ("smtp://localhost:25/", "", SmtpServer("localhost", 25)),
        ("smtps://a%40b.example:p%3Aw@mail.example", "", SmtpServer("mail.example", 465, "a@b.example", "p:w", True)),
        ("smtp://me@mail.example:2525", "from a file", SmtpServer("mail.example", 2525, "me", "from a file")),
    ],
)  # fmt: skip
def test_what_is_understood(address: str, password: str, read: SmtpServer) -> None:
    assert SmtpServer.read(address, password) == read
    assert "p:w" not in repr(read)


@pytest.mark.parametrize(
    "address",
    ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example:99999", "smtp://me@mail.example",
     "smtp://mail.example/path", "smtp://mail.example?x=1", "smtp://mail.example#x",
     "smtp://me:p%C3%A4ss@mail.example"],
)  # fmt: skip
def test_what_is_refused(address: str) -> None:
    with pytest.raises(SmtpAddressError):
        SmtpServer.read(address)


def test_only_this_machine_may_do_without_tls() -> None:
    assert SmtpServer.read("smtp://127.0.0.1:25").is_local
    assert not SmtpServer.read("smtp://10.0.0.1:25").is_local


def test_the_start_stops_at_nonsense_and_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtps://me:secret@mail.example:99999")
    with pytest.raises(env.EnvError) as raised:
        env.smtp("SMTP_URL", password="")
    assert "SMTP_URL" in str(raised.value)
    assert "secret" not in str(raised.value)
