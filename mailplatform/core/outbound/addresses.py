"""Which addresses that people typed in our server may call. Pure but for the look-up of names.

A webhook's address or a link of a mail must not lead into our own network (SSRF): every address that the name has must
be public, the name is resolved once per try, and the connection goes to exactly the address that was checked. Redirects
are never followed.
"""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..hosts import to_ascii

MAX_LENGTH: Final = 500
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(ValueError):
    """This address must not or cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: `path` with its query, `is_tls` as the scheme says."""

    host: str
    port: int
    path: str
    is_tls: bool

    @property
    def host_header(self) -> str:
        """Return the value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse(url: str, *, allow_loopback: bool) -> Target:
    """Read an address; https alone, but for this machine's own where `allow_loopback`. Raises NotAllowed."""
    if len(url) > MAX_LENGTH or any(letter <= " " or letter == "\x7f" for letter in url):
        raise NotAllowed("The address has blanks or is too long.")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise NotAllowed("The address cannot be read.") from None
    host = host if ":" in host else to_ascii(host.removesuffix("."))
    if parts.scheme not in {"https", "http"} or not host:
        raise NotAllowed("The address must begin with https:// and name a host.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise NotAllowed("The address may hold neither a password nor a #.")
    if parts.scheme == "http" and not allow_loopback:
        raise NotAllowed("The address must begin with https://.")
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise NotAllowed("The path of the address must be percent-encoded.")
    return Target(host, port if port is not None else (443 if is_tls else 80), path, is_tls)


def resolve(target: Target, *, allow_loopback: bool) -> list[str]:
    """Return the addresses of a host, all of them allowed. Raises NotAllowed.

    Plain http is for this machine alone.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotAllowed("The name of the host cannot be resolved.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        ip = ipaddress.ip_address(address.partition("%")[0])
        if allow_loopback and ip.is_loopback:
            continue
        if not target.is_tls or not is_public(ip):
            raise NotAllowed("The host is not a public one.")
    if not addresses:
        raise NotAllowed("The name of the host cannot be resolved.")
    return addresses


def is_public(ip: IPAddress) -> bool:
    """Tell whether an address is one of the open internet, also inside IPv6 forms that carry an IPv4 address."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)
