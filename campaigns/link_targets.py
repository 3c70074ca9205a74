"""Where our own links may lead: only to a host that the author wrote, never to one that hangs on a person's data. Pure.

A target is an address whose variables stand in it as `{{html.name}}`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from mailplatform.core.hosts import to_ascii

from . import honeypot

OF_A_PERSON: Final = "\ue000"  # stands for a person's value; no part of a host
NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*"
VARIABLE: Final = re.compile(rf"\{{\{{html\.(?P<name>{NAME})\}}\}}")
_ADDRESS: Final = re.compile(
    r"(?P<scheme>(?ai:https?))://(?P<host>[\w-]+(?:\.[\w-]+)*\.?)(?P<port>:[0-9]{1,5})?"
    r"(?P<rest>[/?#][^\x00-\x1f\x7f]*)?"
)
_ASCII_HOST: Final = re.compile(r"[a-z0-9_.-]+")
_KEPT: Final = "%/?#[]@!$&'()*+,;=:~-._|"


def settled(target: str, constants: Mapping[str, Any]) -> str:
    """The target with the campaign's values put in; a mark stands for each value of a person's own."""
    return VARIABLE.sub(lambda match: _constant(match["name"], constants), target)


def is_personal(address: str) -> bool:
    """Whether a settled target hangs on the person who follows it."""
    return OF_A_PERSON in address


def shared(address: str) -> str:
    """A settled target as reports show it: people's own values as `…`."""
    return address.replace(OF_A_PERSON, "…")


def host_of(address: str) -> str:
    """The host and port of a web address in ASCII, in lower case; empty where it is none or cannot be trusted."""
    found = _ADDRESS.fullmatch(address)
    return _host(found) if found else ""


def as_header(address: str) -> str:
    """A web address as it stands in a `Location` header: ASCII, host in IDNA. Raises ValueError."""
    found = _ADDRESS.fullmatch(address)
    host = _host(found) if found else ""
    if not found or not host:
        message = "no web address"
        raise ValueError(message)
    return f"{found['scheme'].lower()}://{host}{quote(found['rest'] or '/', safe=_KEPT)}"


def _host(found: re.Match[str]) -> str:
    name = to_ascii(found["host"].rstrip("."))
    return f"{name}{found['port'] or ''}" if _ASCII_HOST.fullmatch(name) else ""


def _constant(name: str, constants: Mapping[str, Any]) -> str:
    value = constants.get(name)
    return value if isinstance(value, str) and value else OF_A_PERSON


def may_lead(target: str, public_url: str, constants: Mapping[str, Any]) -> bool:
    """Whether the target is an address of the web whose host is the same for everybody, and not our own."""
    if target == f"{public_url}{honeypot.PATH}":
        return True
    address = settled(target, constants)
    host = host_of(address).partition(":")[0]
    # What a backslash means in an address, browsers and servers disagree about.
    return bool(host) and "\\" not in address and host != host_of(public_url).partition(":")[0]
