"""Keys derived from the installation's secret, one per purpose (HKDF, RFC 5869)."""

import functools
import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@functools.cache
def derive(purpose: str) -> bytes:
    """Return the 32-byte key of `purpose`; the same secret gives the same key for ever."""
    secret = settings.DATA_KEY.encode()
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"mailplatform:{purpose}".encode()).derive(secret)


def normalise_email(email: str) -> str:
    """Trim and lower-case an address: one person per address in any case."""
    return email.strip().lower()


def email_key(email: str) -> bytes:
    """Return the 32-byte keyed hash that stands for an address, also after the person was erased."""
    return hmac.digest(derive("email-key"), normalise_email(email).encode(), "sha256")
