"""Asking DNS, within a time limit. The configured resolver is asked, never an address that somebody typed in."""

from typing import Any, Final, Literal

import dns.exception
import dns.resolver

SECONDS: Final = 5.0
Kind = Literal["A", "AAAA", "CNAME", "MX", "TXT"]


class Unanswered(Exception):
    """Nobody can say what there is: no answer in time, or none that can be used. The text says what happened."""


def look_up(name: str, kind: Kind) -> list[str]:
    """Return the values of a name, none where it has none of this kind. Raises Unanswered.

    Hosts in small letters and without the last dot, an MX as “10 host”, the parts of a TXT joined.
    """
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise Unanswered(_words(error)) from error
    return [_value(row, kind) for row in answer]


def _value(row: Any, kind: Kind) -> str:
    if kind == "TXT":
        return b"".join(row.strings).decode("utf-8", "replace")
    if kind == "MX":
        return f"{row.preference} {_host(row.exchange)}"
    return _host(row.target) if kind == "CNAME" else str(row.address)


def _host(name: Any) -> str:
    return str(name).rstrip(".").lower()


def _words(error: dns.exception.DNSException) -> str:
    if isinstance(error, dns.resolver.LifetimeTimeout):
        return f"DNS did not answer within {SECONDS:g} seconds."
    if isinstance(error, dns.resolver.NoNameservers):
        return "The name servers of the domain answer with an error."
    return f"DNS could not be asked ({type(error).__name__})."
