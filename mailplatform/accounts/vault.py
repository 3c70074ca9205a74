"""Secrets at rest: encrypted with a key that only the environment holds."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SecretUnreadable(Exception):
    """The stored secret was encrypted with another SECRET_KEY."""

    def __init__(self) -> None:
        super().__init__(
            "The stored Amazon secret key cannot be read: SECRET_KEY has changed since it was saved. "
            "Enter the key again on the settings page."
        )


def _box() -> Fernet:
    kdf = HKDF(hashes.SHA256(), 32, salt=None, info=b"mailplatform:vault")
    return Fernet(base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode())))


def seal(secret: str) -> bytes:
    """Encrypt a secret for the database."""
    return _box().encrypt(secret.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Decrypt a stored secret; raises SecretUnreadable."""
    try:
        return _box().decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise SecretUnreadable from error
