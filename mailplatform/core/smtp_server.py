"""The address of an SMTP server, as an operator writes it."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

_PORTS: Final = {"smtp": 587, "smtps": 465}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpAddressError(ValueError):
    """The address makes no sense; the message says what is expected."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `smtps` speaks TLS from the first byte, `smtp` after STARTTLS."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls_at_once: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine: then, and only then, it need not speak TLS."""
        return self.host in _LOOPBACK

    @classmethod
    def read(cls, address: str, password: str = "") -> "SmtpServer":
        """Read `smtp://user@host:587` or `smtps://user:password@host`. Raises SmtpAddressError.

        `password` wins over the one in the address, so that it can come from a file of its own.
        """
        parts = urlsplit(address)
        try:
            port = parts.port
        except ValueError as error:
            raise SmtpAddressError("the port is no number between 1 and 65535") from error
        if (
            parts.scheme not in _PORTS
            or not parts.hostname
            or parts.path.strip("/")
            or parts.query
            or parts.fragment
        ):
            raise SmtpAddressError("expected smtp://user@host:587 or smtps://user@host:465")
        server = cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=password or unquote(parts.password or ""),
            tls_at_once=parts.scheme == "smtps",
        )
        if bool(server.user) != bool(server.password):
            raise SmtpAddressError("a user needs a password (SMTP_PASSWORD), and a password a user")
        if not (server.user + server.password).isascii():
            raise SmtpAddressError("user and password must be ASCII: smtplib can sign in with nothing else")
        return server
