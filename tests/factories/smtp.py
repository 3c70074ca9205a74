"""An SMTP server of our own that takes mail, and misbehaves where a test says so."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Letter:
    """What a client handed over."""

    sender: str
    to: str
    raw: bytes


@dataclass
class FakeSmtp:
    """`says` overrides replies to MAIL, RCPT, DATA or "." for an address: a line, or "drop"; `once` only the next."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    says: dict[tuple[str, str], str] = field(default_factory=dict)
    once: dict[tuple[str, str], str] = field(default_factory=dict)
    connections: int = 0
    slow_seconds: float = 0.0

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
            self._say("220 fake.example ESMTP")
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
        time.sleep(self.fake.slow_seconds)
        said = self.fake.reply(".", to, "250 taken")
        if said.startswith(("2", "drop")):  # a server may take a mail and die before it says so
            self.fake.letters.append(Letter(sender, to, b"".join(lines)))
        self._reply(said)

    def _answer(self, verb: str, who: str, usual: str) -> bool:
        """Whether the reply was the usual one."""
        said = self.fake.reply(verb, who, usual)
        self._reply(said)
        return said == usual

    def _reply(self, said: str) -> None:
        if said == "drop":
            raise _Dropped
        self._say(said)
        if said.startswith("421"):
            raise _Dropped

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def fake_smtp() -> Iterator[FakeSmtp]:
    """Run one on a free port of this machine."""
    fake = FakeSmtp()
    talk = type("Talk", (_Talk,), {"fake": fake})
    with _Server(("127.0.0.1", 0), talk) as server:
        fake.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield fake
        server.shutdown()
