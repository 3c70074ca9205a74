"""The per-recipient mail headers of a campaign, validated because botocore validates none of this.

RFC 8058 (one-click unsubscribe), RFC 2369 (List-Unsubscribe), RFC 2919 (List-Id). SES v2: at most 15 headers,
name 1 to 126 characters without colon, value 1 to 995 printable ASCII characters, together at most 996.
"""

import re
from collections.abc import Sequence
from typing import Final, TypedDict
from urllib.parse import urlsplit

from mailplatform.aws import limits

FEEDBACK_TAG_A: Final = "ses:feedback-id-a"
FEEDBACK_TAG_B: Final = "ses:feedback-id-b"
MAX_HEADERS: Final = limits.MAX_HEADERS

_LIST_ID = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")


class Header(TypedDict):
    """One entry of `ReplacementHeaders`."""

    Name: str
    Value: str


class Tag(TypedDict):
    """One entry of `ReplacementTags`."""

    Name: str
    Value: str


class InvalidHeader(ValueError):
    """A header or tag that SES would refuse, or that would not do what it is for."""


def make_header(name: str, value: str) -> Header:
    """One validated header. Raises `InvalidHeader`."""
    try:
        limits.check_header(name, value)
    except limits.LimitError as error:
        raise InvalidHeader(str(error)) from error
    return {"Name": name, "Value": value}


def make_tag(name: str, value: str) -> Tag:
    """One validated message tag. Raises `InvalidHeader`."""
    try:
        limits.check_tag(name, value)
    except limits.LimitError as error:
        raise InvalidHeader(str(error)) from error
    return {"Name": name, "Value": value}


def unsubscribe_headers(url: str, *, allow_http: bool = False) -> list[Header]:
    """`List-Unsubscribe`, then `List-Unsubscribe-Post`: the order in which receivers expect them.

    RFC 8058 needs exactly one HTTPS address. `allow_http` is for the loopback address of a demonstration.
    """
    parts = urlsplit(url)
    schemes = ("https", "http") if allow_http else ("https",)
    if parts.scheme not in schemes or not parts.hostname or any(c in url for c in "<>, \t"):
        message = "List-Unsubscribe needs one absolute https address"
        raise InvalidHeader(message)
    return [
        make_header("List-Unsubscribe", f"<{url}>"),
        make_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ]


def list_id_header(label: str, host: str, name: str = "") -> Header:
    """`List-Id: Name <label.host>`; the name is left out when it is not plain ASCII (RFC 2919)."""
    identifier = f"{label}.{host}".lower()
    if not _LIST_ID.match(identifier):
        message = f"invalid List-Id {identifier[:60]!r}"
        raise InvalidHeader(message)
    words = "".join(c for c in name if c not in '"\\<>').strip()
    if words and words.isascii() and words.isprintable():
        return make_header("List-Id", f'"{words[:100]}" <{identifier}>')
    return make_header("List-Id", f"<{identifier}>")


def feedback_tags(campaign: str, installation: str) -> list[Tag]:
    """The two parts of Feedback-ID that SES lets the sender choose; Gmail reports spam rates by them."""
    return [make_tag(FEEDBACK_TAG_A, campaign), make_tag(FEEDBACK_TAG_B, installation)]


def check_headers(headers: Sequence[Header]) -> None:
    """Check number and uniqueness of a whole set. Raises `InvalidHeader`."""
    names = [h["Name"].lower() for h in headers]
    if len(names) > MAX_HEADERS:
        message = f"{len(names)} headers; Amazon SES takes {MAX_HEADERS}"
        raise InvalidHeader(message)
    if len(set(names)) != len(names):
        message = "a header stands twice"
        raise InvalidHeader(message)
