"""One POST to a real server: redirects are not followed, silence ends, nothing raises."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailplatform.core.outbound import transport
from tests.factories.receiver import receiver


def post(url: str) -> transport.Answer:
    return transport.post(url, b"{}", {"Content-Type": "application/json"}, allow_loopback=True)


def test_message_arrives_as_it_was_signed() -> None:
    with receiver() as server:
        answer = post(server.url)
    assert answer.is_success
    assert (server.posts[0].body, server.posts[0].path) == (b"{}", "/hook")
    assert server.posts[0].headers["host"] == server.url.split("/")[2]


def test_redirect_is_a_failure_and_not_followed() -> None:
    with receiver() as server, receiver() as other:
        server.answers.append((302, {"Location": other.url}))
        answer = post(server.url)
    assert (answer.is_success, answer.error) == (False, "The server answered 302.")
    assert other.posts == []


def test_retry_after_is_read_and_bounded() -> None:
    with receiver() as server:
        server.answers += [
            (503, {"Retry-After": "120"}),
            (429, {"Retry-After": "9999999"}),
            (503, {"Retry-After": "x"}),
        ]
        assert [post(server.url).retry_after_s for _ in range(3)] == [120, 3600, 0]


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").error == "The server refused the connection."


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_server_that_drips_forever_is_cut_off(scheme: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(transport, "TOTAL_S", 0.4)
    context = own_authority(tmp_path, monkeypatch) if scheme == "https" else None
    done, dripped = threading.Event(), list[int]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            plain, _ = server.accept()
            plain.settimeout(5)
            try:
                with context.wrap_socket(plain, server_side=True) if context else plain as peer:
                    while not done.wait(0.05):
                        peer.sendall(b"H")
                        dripped.append(1)
            except OSError:
                pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        answer = post(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/")
        # Without a limit for the whole, the first line alone would take an hour.
        done.set()
        thread.join(5)
    assert answer.status == 0
    assert "connection failed" in answer.error
    assert dripped


def own_authority(folder: Path, monkeypatch: Any) -> ssl.SSLContext:
    """Make a certificate for this machine that OpenSSL trusts by its environment; return the server's side."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
    )
    local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(local, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem += made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "own.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "own.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    return context


def test_next_address_of_a_host_is_tried_where_the_first_does_not_answer(monkeypatch: Any) -> None:
    with receiver() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        # A name with two addresses, of which the first is silent: nothing listens on ::1.
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("::1", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", _resolving({"two.example": found}))
        assert post(f"http://two.example:{port}/hook").is_success


def _resolving(names: dict[str, Any]) -> Callable[..., Any]:
    real = socket.getaddrinfo
    return lambda host, *rest, **more: names.get(host) or real(host, *rest, **more)


def test_address_of_our_own_network_is_refused_at_every_try() -> None:
    answer = transport.post("https://169.254.169.254/latest/meta-data", b"{}", {}, allow_loopback=True)
    assert (answer.status, answer.error) == (0, "The host is not a public one.")
