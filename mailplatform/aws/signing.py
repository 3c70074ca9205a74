"""Signature Version 4 for JSON POST requests: boto3's signature in thirty microseconds.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html. The signing key depends on day, Region
and service only, so it is derived once a day. The tests compare with botocore's signer.
"""

import hashlib
import hmac
from typing import Final

from botocore.credentials import Credentials, ReadOnlyCredentials

from mailplatform.core import clock

from . import errors

CONTENT_TYPE: Final = "application/json"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


class RequestSigner:
    """Signs JSON POST requests. Safe to share between threads: the derived key is replaced as a whole."""

    def __init__(self, credentials: Credentials, *, service: str, region: str) -> None:
        """`service` is the signing name (`ses`), not boto3's service name (`sesv2`)."""
        self._credentials = credentials
        self._service = service
        self._region = region
        self._derived: tuple[str, str, bytes] = ("", "", b"")

    def headers(self, host: str, path: str, body: bytes) -> dict[str, str]:
        """The headers for `body`: content type, date, authorisation and, for a role, its session token.

        `host` is the value of the Host header, `path` is absolute and needs no escaping. Raises NotWrittenError where
        a role's keys have run out and new ones cannot be had.
        """
        keys = self._keys()
        stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
        found = {"Content-Type": CONTENT_TYPE, "X-Amz-Date": stamp}
        signed = "content-type;host;x-amz-date"
        canonical = f"POST\n{path}\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{stamp}\n"
        if keys.token:
            found["X-Amz-Security-Token"] = keys.token
            signed += ";x-amz-security-token"
            canonical += f"x-amz-security-token:{keys.token}\n"
        canonical += f"\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key or "", stamp[:8]), text.encode(), "sha256").hex()
        found["Authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return found

    def _keys(self) -> ReadOnlyCredentials:
        try:
            # Frozen, because a role's keys may be exchanged while we sign.
            return self._credentials.get_frozen_credentials()
        except Exception as error:
            # Whatever gives them has its own words: a metadata service, STS, a command, a file.
            raise errors.NotWrittenError("The call could not be signed", error) from error

    def _key(self, secret: str, day: str) -> bytes:
        known_secret, known_day, key = self._derived
        if (known_secret, known_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = (secret, day, key)
        return key
