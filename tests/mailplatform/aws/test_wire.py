"""Many requests at once over open connections: every way in which an answer can arrive, and in which it cannot."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailplatform.aws import errors, wire
from mailplatform.aws.http_reply import BrokenReplyError, Reply, ReplyReader

Handler = Callable[[socket.socket, bytes], bool]  # answers one request; False ends the connection


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _echo(link: socket.socket, body: bytes) -> bool:
    link.sendall(_ok(body))
    return True


class Server:
    """Accepts connections, each in a thread; keeps how many there were."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.handler: Handler = _echo
        self.connections = 0
        self.links: list[socket.socket] = []
        self.tls = tls
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.threads.append(threading.Thread(target=self._serve, args=(link,)))
            self.threads[-1].start()

    def _serve(self, link: socket.socket) -> None:
        try:
            if self.tls is not None:
                link = self.tls.wrap_socket(link, server_side=True)
            self.links.append(link)
            with link, link.makefile("rb") as file:
                while (body := self._request(file)) is not None and self.handler(link, body):
                    pass
        except OSError:
            pass

    @staticmethod
    def _request(file: object) -> bytes | None:
        length = 0
        while (line := file.readline()) not in {b"", b"\r\n"}:  # type: ignore[attr-defined]
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return file.read(length) if line else None  # type: ignore[attr-defined]

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for link in self.links:
            link.close()
        for thread in self.threads:
            thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


def _wire(server: Server, *, scheme: str = "http", read_timeout: float = 5.0) -> wire.Wire:
    host = "localhost" if scheme == "https" else "127.0.0.1"
    return wire.Wire(
        f"{scheme}://{host}:{server.port}",
        lambda *_: {"X-Signed": "yes"},
        connect_timeout=5.0,
        read_timeout=read_timeout,
        keep=8,
    )


def _bodies(found: list[Reply | errors.SesError]) -> list[bytes]:
    assert all(isinstance(each, Reply) for each in found), found
    return [each.body for each in found if isinstance(each, Reply)]


def test_answers_come_back_in_the_order_of_the_requests(server: Server) -> None:
    lock, waiting = threading.Lock(), []

    def backwards(link: socket.socket, body: bytes) -> bool:
        with lock:
            waiting.append((link, body))
            if len(waiting) == 5:
                for each, text in reversed(waiting):
                    each.sendall(_ok(text))
                waiting.clear()
        return True

    server.handler = backwards
    link = _wire(server)
    with ThreadPoolExecutor(5) as executor:
        for _ in range(2):
            sent = [b"%d" % n for n in range(5)]
            assert _bodies(link.post("/x", sent, executor=executor)) == sent
    assert server.connections == 5
    link.close()


def test_large_requests_and_answers_go_out_in_pieces(server: Server) -> None:
    sent = [bytes([65 + n]) * 9_000_000 for n in range(2)]
    link = _wire(server)
    assert _bodies(link.post("/x", sent)) == sent
    link.close()


def test_a_refused_request_writes_nothing_and_keeps_its_connection(server: Server) -> None:
    def permit(number: int) -> None:
        if number == 1:
            raise errors.NotReachedError("not now")

    link = _wire(server)
    first, second, third = link.post("/x", [b"a", b"b", b"c"], permit=permit)
    assert isinstance(second, errors.NotReachedError)
    assert _bodies([first, third]) == [b"a", b"c"]
    assert _bodies(link.post("/x", [b"d"] * 3)) == [b"d"] * 3
    assert server.connections == 3
    link.close()


def test_the_signature_is_made_before_the_permission_is_asked(server: Server) -> None:
    """Frozen between the two, a process wakes up with an old signature, not with the means to make a new one."""
    order = []

    def head(host: str, path: str, body: bytes) -> dict[str, str]:
        order.append("signed")
        return {}

    link = wire.Wire(f"http://127.0.0.1:{server.port}", head, connect_timeout=5.0, read_timeout=5.0, keep=1)
    link.post("/x", [b"a"], permit=lambda _: order.append("permitted"))
    assert order == ["signed", "permitted"]
    link.close()


@pytest.mark.parametrize("where", ["head", "permit"])
def test_a_fault_of_ours_before_the_first_byte_is_no_lost_answer(server: Server, where: str) -> None:
    def head(_host: str, _path: str, body: bytes) -> dict[str, str]:
        if where == "head" and body == b"a":
            raise KeyError("surprise")
        return {}

    def permit(number: int) -> None:
        if where == "permit" and number == 0:
            raise KeyError("surprise")

    link = wire.Wire(f"http://127.0.0.1:{server.port}", head, connect_timeout=5.0, read_timeout=5.0, keep=2)
    first, second = link.post("/x", [b"a", b"b"], permit=permit)
    assert isinstance(first, errors.NotWrittenError)
    assert first.verdict is errors.Verdict.STOP
    assert str(first) == "NotWritten: Internal error, see the log: KeyError: 'surprise'"
    assert _bodies([second]) == [b"b"]
    assert _bodies(link.post("/x", [b"c", b"d"])) == [b"c", b"d"]
    assert server.connections == 2
    link.close()


def test_one_silence_does_not_hold_up_the_others(server: Server) -> None:
    def some(link: socket.socket, body: bytes) -> bool:
        return body == b"silent" or _echo(link, body)

    server.handler = some
    link = _wire(server, read_timeout=1.0)
    first, second = link.post("/x", [b"silent", b"b"])
    assert isinstance(first, errors.LostAnswerError)
    assert _bodies([second]) == [b"b"]
    link.close()


def test_a_connection_that_the_other_side_closed_is_not_used(server: Server) -> None:
    def once(link: socket.socket, body: bytes) -> bool:
        _echo(link, body)
        return False

    server.handler = once
    link = _wire(server)
    assert _bodies(link.post("/x", [b"a"])) == [b"a"]
    server.threads[1].join(5)
    assert _bodies(link.post("/x", [b"b"])) == [b"b"]
    assert server.connections == 2
    link.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context


def test_over_tls_connections_are_kept_and_large_bodies_go_through(tls: ssl.SSLContext) -> None:
    server = Server(tls)
    try:
        link = _wire(server, scheme="https")
        for size in (10, 3_000_000):
            sent = [bytes([65 + n]) * size for n in range(3)]
            assert _bodies(link.post("/x", sent)) == sent
        assert server.connections == 3
        link.close()
    finally:
        server.stop()


def test_an_untrusted_certificate_proves_that_nothing_was_sent(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    server = Server(tls)
    try:
        (found,) = _wire(server, scheme="https").post("/x", [b"a"])
        assert isinstance(found, errors.NotReachedError)
    finally:
        server.stop()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nA;x=1\r\n0123456789\r\n0\r\nT: 1\r\n\r\n"
WHOLE = [
    (_ok(b"body"), b"body", True),
    (CHUNKED, b"abcd0123456789", True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + _ok(b"body"), b"body", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    (_ok(b"body") + b"HTTP/1.1 500 What\r\n\r\n", b"body", False),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
]


@pytest.mark.parametrize(("data", "body", "keep"), WHOLE)
def test_whole_answers_are_read_at_once_or_byte_by_byte(data: bytes, body: bytes, keep: bool) -> None:
    at_once = ReplyReader().feed(data)
    assert at_once is not None
    assert (at_once.body, at_once.keep_alive) == (body, keep)
    reader, found = ReplyReader(), None
    for byte in data:
        found = reader.feed(bytes([byte]))
        if found is not None:
            break
    assert found is not None
    assert found.body == body


def test_an_answer_without_length_ends_with_the_connection() -> None:
    reader = ReplyReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhalf") is None
    assert reader.closed() == Reply(200, {}, b"half", keep_alive=False)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\n", _ok(b"body")[:-1], CHUNKED[:-1]])
def test_an_answer_that_is_cut_short_is_broken(data: bytes) -> None:
    reader = ReplyReader()
    assert reader.feed(data) is None
    with pytest.raises(BrokenReplyError):
        reader.closed()


BROKEN = [
    b"SSH-2.0-x\r\n\r\n",
    b"HTTP/1.1 abc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n",
    b"x" * 70_000,
]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_what_is_not_http_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenReplyError):
        ReplyReader().feed(data)
