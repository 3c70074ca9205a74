"""An SMTP server of our own that takes mail, and misbehaves where a test says so."""

import contextlib
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Letter:
    """What a client handed over."""

    sender: str
    to: str
    raw: bytes


@dataclass
class FakeSmtp:
    """`says` overrides replies to MAIL, RCPT, DATA or "." for an address; `once` only the next.

    A reply is a line, or "drop", or "drip": one that never ends. `greeting` is the one to a connection; `slow` holds
    seconds before a reply.
    """

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    says: dict[tuple[str, str], str] = field(default_factory=dict)
    once: dict[tuple[str, str], str] = field(default_factory=dict)
    connections: int = 0
    greeting: str = "220 fake.example ESMTP"
    slow: dict[str, float] = field(default_factory=dict)
    goodbyes: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def reply(self, verb: str, who: str, usual: str) -> str:
        return self.once.pop((verb, who), "") or self.says.get((verb, who), usual)

    @property
    def recipients(self) -> list[str]:
        return sorted(letter.to for letter in self.letters)


class _Dropped(Exception):
    """The server closes the line without a word."""


class _Talk(socketserver.StreamRequestHandler):
    fake: FakeSmtp

    def handle(self) -> None:
        self.fake.connections += 1
        with contextlib.suppress(_Dropped, ConnectionError, TimeoutError):
            self._reply(self.fake.greeting)
            sender = to = ""
            while line := self.rfile.readline().decode("ascii").strip():
                verb = line.split(" ", 1)[0].upper()
                if verb == "EHLO":
                    self._say("250-fake.example\r\n250 8BITMIME")
                elif verb == "MAIL":
                    sender = line.split("<", 1)[1].split(">", 1)[0]
                    self._answer("MAIL", sender, "250 OK")
                elif verb == "RCPT":
                    to = line.split("<", 1)[1].split(">", 1)[0]
                    self._answer("RCPT", to, "250 OK")
                elif verb == "DATA":
                    if self._answer("DATA", to, "354 go on"):
                        self._take(sender, to)
                elif verb == "QUIT":
                    self.fake.goodbyes += 1
                    self._say("221 bye")
                    return
                else:
                    self._say("250 OK")

    def _take(self, sender: str, to: str) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Dropped
            lines.append(line[1:] if line.startswith(b".") else line)
        time.sleep(self.fake.slow.get(".", 0))
        said = self.fake.reply(".", to, "250 taken")
        if said.startswith(("2", "drop")):  # a server may take a mail and die before it says so
            self.fake.letters.append(Letter(sender, to, b"".join(lines)))
        self._reply(said)

    def _answer(self, verb: str, who: str, usual: str) -> bool:
        """Whether the reply was the usual one."""
        time.sleep(self.fake.slow.get(verb, 0))
        said = self.fake.reply(verb, who, usual)
        self._reply(said)
        return said == usual

    def _reply(self, said: str) -> None:
        if said == "drop":
            raise _Dropped
        while said == "drip":  # until the client hangs up
            self._say("250-wait")
            time.sleep(0.01)
        self._say(said)
        if said.startswith("421"):
            raise _Dropped

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def fake_smtp(certificate: Path | None = None) -> Iterator[FakeSmtp]:
    """Run one on a free port of this machine; with a certificate it speaks TLS from the first byte."""
    fake = FakeSmtp()
    talk = type("Talk", (_Talk,), {"fake": fake})
    with _Server(("127.0.0.1", 0), talk) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        fake.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield fake
        server.shutdown()
