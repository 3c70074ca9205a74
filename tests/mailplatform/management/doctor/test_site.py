"""Certificates are looked at on servers of our own that speak TLS."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_django import Settings

from events.models import DeadLetter
from mailplatform.core import clock
from mailplatform.management.doctor import Level, site

DAY = dt.timedelta(days=1)


def written(folder: Path, ends: dt.datetime, host: str) -> Path:
    """A certificate that is its own authority, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - 90 * DAY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def server(certificate: Path) -> Iterator[int]:
    """Speak TLS on a free port until the test ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as wrapped:
                    wrapped.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


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
    with server(path) as port:
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
