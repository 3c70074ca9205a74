"""Signatures of outgoing webhooks, version 1 of the specification (HMAC-SHA256). Pure.

https://github.com/standard-webhooks/standard-webhooks
What is signed is `id.timestamp.body`. While a secret is being replaced both sign, parted by a space.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
BYTES: Final = 32


class BadSecret(ValueError):
    """The text is no secret of ours."""


def make_secret() -> str:
    """Return a new secret: `whsec_` and 32 random bytes as base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """Return `v1,` and the signature. Raises BadSecret."""
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def headers(message_id: str, at: datetime, body: bytes, signers: Sequence[str]) -> dict[str, str]:
    """Return the three headers of a message; the newest secret signs first."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(sign(secret, message_id, at, body) for secret in signers),
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSecret("a secret is whsec_ and base64") from error
