"""Keys derived from the installation's secret, one per purpose (HKDF, RFC 5869)."""

import functools
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# RFC 2104: the block of SHA-256, and its two paddings as translations of each byte.
_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ padding for byte in range(256)) for padding in (0x36, 0x5C))


@functools.cache
def derive(purpose: str) -> bytes:
    """Return the 32-byte key of `purpose`; the same secret gives the same key for ever."""
    secret = settings.DATA_KEY.encode()
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"mailplatform:{purpose}".encode()).derive(secret)


def normalise_email(email: str) -> str:
    """Trim and lower-case an address: one person per address in any case."""
    return email.strip().lower()


def email_key(email: str) -> bytes:
    """Return the 32-byte keyed hash (HMAC-SHA256) that stands for an address, also after the person was erased."""
    inner, outer = _prepared(derive("email-key"))
    inner, outer = inner.copy(), outer.copy()
    inner.update(normalise_email(email).encode())
    outer.update(inner.digest())
    return outer.digest()


@functools.cache
def _prepared(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    """Both hashes of RFC 2104 with the 32-byte key in them: a third of the time of `hmac.digest`, for whole files."""
    padded = key.ljust(_BLOCK, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))
