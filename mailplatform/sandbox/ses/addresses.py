"""Addresses, headers and tags: what SES refuses beyond the service model's own rules."""

import re
from email.utils import parseaddr
from typing import Any

from ..errors import bad_request

_LOCAL = re.compile(r"[!-?A-~]+")
_DOMAIN = re.compile(
    r"(?=.{1,255}$)([A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*"
)
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SES_TAGS = {"ses:feedback-id-a", "ses:feedback-id-b"}
# docs.aws.amazon.com/ses/latest/dg/header-fields.html
_FORBIDDEN = {
    "bcc",
    "cc",
    "content-disposition",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "subject",
    "to",
}
_ONCE = {
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-id",
    "list-help",
    "in-reply-to",
    "references",
    "sender",
}
_LINE_LIMIT = 996


def address_of(text: str) -> str:
    """The bare address in ``Name <a@b>``; raises in SES's words where there is none."""
    if not text.isascii():
        raise bad_request(f"Non-ASCII characters in an address must be encoded: {text}")
    address = parseaddr(text)[1]
    local, separator, domain = address.rpartition("@")
    if not separator or not local:
        raise bad_request("Missing final '@domain'")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise bad_request("Local address contains control or whitespace")
    if not _DOMAIN.fullmatch(domain):
        raise bad_request("Domain contains illegal character")
    return address


def destinations(destination: dict[str, Any]) -> list[tuple[str, str]]:
    """(kind, text) of every recipient: To, then Cc, then Bcc."""
    kinds = (("To", "ToAddresses"), ("Cc", "CcAddresses"), ("Bcc", "BccAddresses"))
    return [(kind, text) for kind, key in kinds for text in destination.get(key) or ()]


def header_problem(headers: list[dict[str, str]]) -> str:
    """The first rule that custom headers break; empty where they are fine."""
    seen: set[str] = set()
    for item in headers:
        name = item["Name"].lower()
        if name in _FORBIDDEN:
            return f"Header name {item['Name']} is not allowed."
        if len(item["Name"]) + len(item["Value"]) > _LINE_LIMIT:
            return f"Header {item['Name']} is longer than {_LINE_LIMIT} characters."
        if name in seen and name in _ONCE:
            return f"Duplicate header '{item['Name']}'."
        seen.add(name)
    return ""


def merge_headers(general: list[dict[str, str]], own: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Template headers with an entry's own: same name replaces, a new name is added, order is kept."""
    replaced: dict[str, list[dict[str, str]]] = {}
    for item in own:
        replaced.setdefault(item["Name"].lower(), []).append(item)
    merged: list[tuple[str, str]] = []
    used: set[str] = set()
    for item in general:
        name = item["Name"].lower()
        if name not in replaced:
            merged.append((item["Name"], item["Value"]))
        elif name not in used:
            used.add(name)
            merged += [(new["Name"], new["Value"]) for new in replaced[name]]
    return merged + [(item["Name"], item["Value"]) for item in own if item["Name"].lower() not in used]


def tag_problem(tags: list[dict[str, str]]) -> str:
    """The first rule that message tags break; empty where they are fine."""
    seen: set[str] = set()
    for item in tags:
        name, value = item["Name"], item["Value"]
        if name not in _SES_TAGS and not _TAG.fullmatch(name):
            return f"Invalid tag name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
        if not _TAG.fullmatch(value):
            return (
                f"Invalid tag value <{value}>: only alphanumeric ASCII characters, '_', and '-' are allowed."
            )
        if name in seen:
            return f"Duplicate tag name <{name}>."
        seen.add(name)
    return ""


def tag_map(*groups: list[dict[str, str]]) -> dict[str, list[str]]:
    """Tags as events carry them; a later group's value wins."""
    return {item["Name"]: [item["Value"]] for group in groups for item in group}
