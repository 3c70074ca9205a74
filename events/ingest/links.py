"""What several recipients share of links and of servers' words: what belongs to one person is left out. Pure."""

import hashlib
import re
from typing import Final
from urllib.parse import quote

# Our hosted pages carry a token that stands for one person.
_PERSONAL: Final = re.compile(r"/(u|p|v)/[A-Za-z0-9_-]{20,}/?")
MAX_LENGTH: Final = 2_000
SHORTEST_NAME: Final = 3  # characters; "no" or "mx" may be words of the server
_ADDRESS: Final = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+")


def shared_address(link: str, recipient: str) -> str:
    """Return `link` without tokens of our own pages and without the recipient's address in any spelling."""
    text = _PERSONAL.sub(r"/\1/…", link)
    if recipient and ("@" in text or "%40" in text):
        for spelling in {recipient, quote(recipient), quote(recipient, safe="@"), quote(recipient, safe="")}:
            text = re.sub(re.escape(spelling), "…", text, flags=re.IGNORECASE)
    return text[:MAX_LENGTH]


def digest(address: str) -> bytes:
    """Return the 16 bytes under which a link is found."""
    return hashlib.sha256(address.encode()).digest()[:16]


def impersonal(diagnostic: str, recipient: str) -> str:
    """Return what a mail server said without anybody's address: it outlives an erasure.

    Servers write the address in any case, name the address that mail was forwarded to, or the local part alone.
    """
    if not diagnostic:
        return ""
    text = _ADDRESS.sub("…", diagnostic)
    local = recipient.partition("@")[0]
    if len(local) < SHORTEST_NAME or local.lower() not in text.lower():
        return text
    return re.sub(rf"(?<![\w.]){re.escape(local)}(?![\w.])", "…", text, flags=re.IGNORECASE)
