"""The mail as the recipient's server got it: real MIME, the same bytes at every reading."""

import binascii
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr, getaddresses

from .message import Attachment, Message

_LINE_LIMIT = 998
_BREAKS = re.compile(r"[\r\n]+\s*")


def build(message: Message) -> bytes:
    """The whole message with CRLF line ends."""
    if message.raw:
        return _raw(message)
    head = "".join(f"{name}: {_encode(name, value)}\r\n" for name, value in wire_headers(message))
    content_type, body = _content(message)
    return f"{head}MIME-Version: 1.0\r\n{content_type}\r\n{body}".encode()


def wire_headers(message: Message) -> list[tuple[str, str]]:
    """All headers but the MIME ones, in the order on the wire. SES sets Message-ID and Date itself."""
    date = format_datetime(datetime.fromtimestamp(message.sent_at, UTC))
    return [
        ("Return-Path", f"<{message.id}@{message.host}>"),
        *message.headers,
        ("Message-ID", f"<{message.id}@{message.host}>"),
        ("Date", date),
        ("Feedback-ID", feedback_id(message)),
    ]


def feedback_id(message: Message) -> str:
    """SES's Feedback-ID; the tags ``ses:feedback-id-a`` and ``-b`` fill its first two fields."""
    first, second = (message.tags.get(f"ses:feedback-id-{part}", [""])[0] for part in "ab")
    return f"{first}:{second}:1.{message.region}.c2FuZGJveA==:AmazonSES"


def content_type(message: Message) -> str:
    """The top Content-Type, as event payloads show it."""
    if message.raw:
        return message.header("Content-Type") or "text/plain"
    if message.attachments:
        return f'multipart/mixed; boundary="{_boundary(message, 1)}"'
    if message.text is not None and message.html is not None:
        return f'multipart/alternative; boundary="{_boundary(message, 0)}"'
    return f"text/{'plain' if message.html is None else 'html'}; charset=UTF-8"


def _boundary(message: Message, level: int) -> str:
    return f"----=_Part_{level}_{message.id[4:16]}_{message.id[17:25]}"


def _content(message: Message) -> tuple[str, str]:
    parts = [
        (kind, text) for kind, text in (("plain", message.text), ("html", message.html)) if text is not None
    ]
    rendered = [_text_part(kind, text) for kind, text in parts or [("plain", "")]]
    head, body = (
        rendered[0] if len(rendered) == 1 else _multipart("alternative", _boundary(message, 0), rendered)
    )
    if not message.attachments:
        return head, body
    attached = [(head, body), *(_attachment(item) for item in message.attachments)]
    return _multipart("mixed", _boundary(message, 1), attached)


def _multipart(kind: str, boundary: str, parts: Iterable[tuple[str, str]]) -> tuple[str, str]:
    body = "".join(f"--{boundary}\r\n{head}\r\n{text}\r\n" for head, text in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n', f"{body}--{boundary}--\r\n"


def _text_part(kind: str, text: str) -> tuple[str, str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head = f"Content-Type: text/{kind}; charset=UTF-8\r\nContent-Transfer-Encoding: "
    if text.isascii() and all(len(line) < _LINE_LIMIT for line in lines):
        return f"{head}7bit\r\n", "\r\n".join(lines) + "\r\n"
    encoded = binascii.b2a_qp("\n".join(lines).encode(), istext=True).decode("ascii")
    return f"{head}quoted-printable\r\n", encoded.replace("\n", "\r\n") + "\r\n"


def _attachment(item: Attachment) -> tuple[str, str]:
    head = f'Content-Type: {item.content_type}; name="{item.name}"\r\nContent-Transfer-Encoding: base64\r\n'
    head += f'Content-Disposition: {item.disposition.lower()}; filename="{item.name}"\r\n'
    if item.content_id:
        head += f"Content-ID: <{item.content_id}>\r\n"
    if item.description:
        head += f"Content-Description: {item.description}\r\n"
    lines = [item.content[at : at + 76] for at in range(0, len(item.content), 76)]
    return head, "\r\n".join(lines) + "\r\n"


def _encode(name: str, value: str) -> str:
    value = _BREAKS.sub(" ", value)
    if value.isascii():
        return value
    if name.lower() in {"from", "to", "cc", "reply-to"}:
        return ", ".join(formataddr(pair, "utf-8") for pair in getaddresses([value]))
    return Header(value, "utf-8", header_name=name).encode(linesep="\r\n")


def _raw(message: Message) -> bytes:
    """A raw mail keeps its own headers; SES replaces Message-ID and Date."""
    content = message.raw.encode("latin-1")
    head, separator, body = content.partition(b"\r\n\r\n")
    dropped = re.compile(
        rb"^(message-id|date|return-path|bcc|x-ses-[^:]*):[^\r\n]*(\r\n[ \t][^\r\n]*)*(\r\n|$)",
        re.IGNORECASE | re.MULTILINE,
    )
    kept = dropped.sub(b"", head + b"\r\n")
    ours = [item for item in wire_headers(message) if item[0] in {"Message-ID", "Date", "Feedback-ID"}]
    added = "".join(f"{name}: {value}\r\n" for name, value in ours).encode()
    return kept + added + (separator[2:] or b"\r\n") + body
