"""Certificates are looked at on servers of our own that speak TLS."""

import socket
from pathlib import Path

import pytest
from pytest_django import Settings

from campaigns.models import Restore
from events.models import DeadLetter
from mailplatform.core import clock
from mailplatform.management.doctor import Level, site
from tests.factories.tls import DAY, speaking_tls, written


@pytest.mark.parametrize(
    ("days", "host", "trusted", "level", "words"),
    [
        (60, "localhost", True, Level.OK, "is valid until"),
        (7, "localhost", True, Level.WARNING, "see why it is not renewed"),
        (-1, "localhost", True, Level.ERROR, "expired on"),
        (-1, "localhost", False, Level.ERROR, "expired on"),
        (60, "localhost", False, Level.ERROR, "known authority"),
        (60, "elsewhere.example", True, Level.ERROR, "not trusted"),
    ],
)
def test_a_certificate_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    days: int,
    host: str,
    trusted: bool,
    level: Level,
    words: str,
) -> None:
    path = written(tmp_path, clock.now() + days * DAY, host)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with speaking_tls(path) as port:
        found = site.certificate("localhost", port)
    assert found.level is level
    assert words in found.detail


def test_a_port_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    found = site.certificate("localhost", closed)
    assert (found.level, "set it up at the proxy" in found.detail) == (Level.ERROR, True)


@pytest.mark.django_db
def test_an_address_that_nobody_answers(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.AWS_ENDPOINT_URLS = "https://127.0.0.1:9", {}
    found = {each.subject: each.level for each in site.public_address()}
    assert found == {"Certificate": Level.ERROR, "Public address": Level.ERROR}


@pytest.mark.django_db
def test_a_plain_address_beside_a_real_account(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.AWS_ENDPOINT_URLS = "http://mail.example.eu", {}
    (found,) = site.public_address()
    assert (found.level, "mend PUBLIC_URL" in found.detail) == (Level.ERROR, True)


@pytest.mark.django_db
def test_dead_letters_that_wait() -> None:
    DeadLetter.objects.create(reason="unreadable", body=b"{}", message_id="1")
    found = {each.subject: each for each in site.events()}
    assert found["Dead letters"].level is Level.WARNING
    assert "see Settings" in found["Dead letters"].detail


@pytest.mark.django_db
def test_a_restore_that_locks_sending_is_named() -> None:
    assert not list(site.restored())
    Restore.objects.create(taken_at=clock.now())
    (found,) = site.restored()
    assert found.level is Level.ERROR
    assert "restore --unlock" in found.detail
