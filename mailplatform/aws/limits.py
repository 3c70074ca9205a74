"""What SES demands of a message and botocore does not check: lengths, alphabets, counts, encodings.

Every check raises LimitError with words for the person who wrote the value. The numbers are those of the
service model sesv2/2019-09-27 and of https://docs.aws.amazon.com/ses/latest/dg/header-fields.html.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from email.header import Header
from email.utils import quote
from typing import Any, Final

from mailplatform.core.hosts import to_ascii

MAX_ENTRIES: Final = 50
MAX_HEADERS: Final = 15
MAX_HEADER_NAME: Final = 126
MAX_HEADER_VALUE: Final = 995
MAX_HEADER_SUM: Final = 996
MAX_TAG: Final = 256
MAX_TEMPLATE_DATA: Final = 262_144
MAX_LOCAL_PART: Final = 64
MAX_ADDRESS: Final = 320

# SES writes these itself and refuses a request that brings them.
RESERVED_HEADERS: Final = frozenset(
    {
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
)
_HEADER_NAME: Final = re.compile(r"[!-9;-~]+")
_PRINTABLE: Final = re.compile(r"[ -~]*")
_TAG: Final = re.compile(r"[A-Za-z0-9_-]+")
# The parts of Feedback-ID are the only tags with another alphabet in their name.
_TAG_NAME: Final = re.compile(r"(?:ses:feedback-id-[ab]|[A-Za-z0-9_-]+)")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
# What passes every check of `check_address` as it stands: it is asked for every recipient of a campaign.
_PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[!-?A-~]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")


class LimitError(ValueError):
    """A value that SES would refuse; the message says which and why."""


def check_header(name: str, value: str) -> None:
    """Raise LimitError unless SES accepts this custom header."""
    if len(name) > MAX_HEADER_NAME or not _HEADER_NAME.fullmatch(name):
        message = (
            f"Header name {name!r} must be 1 to {MAX_HEADER_NAME} printable ASCII characters without a colon."
        )
        raise LimitError(message)
    if name.lower() in RESERVED_HEADERS:
        raise LimitError(f"Header {name} is written by SES itself and cannot be set.")
    if not 1 <= len(value) <= MAX_HEADER_VALUE or not _PRINTABLE.fullmatch(value):
        raise LimitError(
            f"The value of header {name} must be 1 to {MAX_HEADER_VALUE} printable ASCII characters."
        )
    if len(name) + len(value) > MAX_HEADER_SUM:
        raise LimitError(f"Header {name} and its value together exceed {MAX_HEADER_SUM} characters.")


def check_headers(headers: Sequence[tuple[str, str]]) -> None:
    """Raise LimitError unless SES accepts these headers on one message."""
    if len(headers) > MAX_HEADERS:
        raise LimitError(f"A message carries at most {MAX_HEADERS} custom headers, not {len(headers)}.")
    for name, value in headers:
        check_header(name, value)


def check_tag(name: str, value: str) -> None:
    """Raise LimitError unless SES accepts this message tag."""
    if len(name) > MAX_TAG or not _TAG_NAME.fullmatch(name):
        raise LimitError(f"Tag name {name!r} must be 1 to {MAX_TAG} letters, digits, '_' or '-'.")
    if len(value) > MAX_TAG or not _TAG.fullmatch(value):
        raise LimitError(f"The value of tag {name} must be 1 to {MAX_TAG} letters, digits, '_' or '-'.")


def check_tags(tags: Iterable[tuple[str, str]]) -> None:
    """Raise LimitError unless SES accepts these tags on one message."""
    for name, value in tags:
        check_tag(name, value)


def check_template_data(text: str) -> None:
    """Raise LimitError when one recipient's values are longer, as JSON text, than SES takes."""
    if len(text) > MAX_TEMPLATE_DATA:
        raise LimitError(
            f"The values for one recipient take {len(text)} characters; SES takes {MAX_TEMPLATE_DATA}."
        )


def check_entries(count: int) -> None:
    """Raise LimitError unless a bulk call may name this many recipients."""
    if not 1 <= count <= MAX_ENTRIES:
        raise LimitError(f"A bulk call names 1 to {MAX_ENTRIES} recipients, not {count}.")


def check_address(address: str) -> str:
    """The address as SES wants it: local part in 7-bit ASCII, domain in punycode. Raises LimitError."""
    if _PLAIN_ADDRESS.fullmatch(address) and len(address) <= MAX_ADDRESS:
        return address
    local, at, domain = address.rpartition("@")
    if not at or len(local) > MAX_LOCAL_PART or not _LOCAL_PART.fullmatch(local):
        raise LimitError(
            f"{address!r} is not an address that SES delivers to (it wants ASCII before the '@')."
        )
    if not domain.isascii():
        domain = to_ascii(domain)
        if not domain:
            raise LimitError(f"{address!r} has a domain that cannot be written in punycode.")
    if not domain or _CONTROL.search(domain) or " " in domain:
        raise LimitError(f"{address!r} has no valid domain.")
    whole = f"{local}@{domain}"
    if len(whole) > MAX_ADDRESS:
        raise LimitError(f"{address!r} is longer than {MAX_ADDRESS} characters.")
    return whole


def encode_display_name(name: str) -> str:
    """A display name before `<address>`: plain, quoted, or in RFC 2047 words. Raises LimitError."""
    if _CONTROL.search(name):
        raise LimitError("A sender name cannot hold line breaks or other control characters.")
    if not name.isascii():
        return Header(name, "utf-8", maxlinelen=75).encode(linesep="")
    return name if _PLAIN_NAME.fullmatch(name) else f'"{quote(name)}"'


def format_address(name: str, address: str) -> str:
    """`Name <address>` for From and Reply-To; the bare address without a name. Raises LimitError."""
    checked = check_address(address)
    return f"{encode_display_name(name)} <{checked}>" if name else checked


def check_bulk(request: Mapping[str, Any]) -> None:
    """Raise LimitError when SES would refuse this SendBulkEmail request and botocore would not see why."""
    template = request["DefaultContent"]["Template"]
    check_entries(len(request["BulkEmailEntries"]))
    check_headers(_pairs(template.get("Headers")))
    check_tags(_pairs(request.get("DefaultEmailTags")))
    check_template_data(template.get("TemplateData", ""))
    for entry in request["BulkEmailEntries"]:
        check_headers(_pairs(entry.get("ReplacementHeaders")))
        check_tags(_pairs(entry.get("ReplacementTags")))
        content = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
        check_template_data(content.get("ReplacementTemplateData", ""))


def _pairs(named: Sequence[Mapping[str, str]] | None) -> list[tuple[str, str]]:
    return [(each["Name"], each["Value"]) for each in named or ()]
