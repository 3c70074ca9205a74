"""Signature Version 4, checked as the real services check it.

Rules: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
A signature older (or younger) than five minutes, or than the sandbox was told, is refused, so a process
that was frozen with a signed request in hand cannot send it when it wakes up.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from .errors import ApiError
from .wire import Request

TOLERANCE = timedelta(minutes=5)
_FIELDS = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})\s*$"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


class Credential(NamedTuple):
    """The parsed Authorization header."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def parse(header: str) -> Credential | None:
    """Read an Authorization header; None where it is not Signature Version 4."""
    found = _FIELDS.match(header)
    if not found:
        return None
    scope = found[1].split("/")
    if len(scope) < 5 or scope[-1] != "aws4_request":
        return None
    key = "/".join(scope[:-4])
    return Credential(key, scope[-4], scope[-3], scope[-2], tuple(found[2].split(";")), found[3])


def verify(
    request: Request,
    credential: Credential,
    *,
    region: str,
    secret_of: Callable[[str], str | None],
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Raise the service's own error unless the request is signed by a known key, here and now."""
    secret = secret_of(credential.access_key)
    if secret is None:
        raise _refusal(
            credential,
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
    stamp = request.headers.get("x-amz-date", "")
    _check_age(credential, stamp, now, tolerance)
    if credential.region != region:
        message = f"Credential should be scoped to a valid region, not '{credential.region}'. "
        raise _refusal(credential, "InvalidSignatureException", "SignatureDoesNotMatch", message)
    expected = _signature(request, credential, secret, stamp)
    if not hmac.compare_digest(expected, credential.signature):
        raise _refusal(credential, "InvalidSignatureException", "SignatureDoesNotMatch", _MISMATCH)


def missing_token() -> ApiError:
    """What SES answers to a request that carries no signature."""
    return ApiError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)


def _refusal(credential: Credential, ses_code: str, sns_code: str, message: str) -> ApiError:
    return ApiError(sns_code if credential.service == "sns" else ses_code, message, 403)


def _check_age(credential: Credential, stamp: str, now: datetime, tolerance: timedelta) -> None:
    def refuse(message: str) -> ApiError:
        return _refusal(credential, "InvalidSignatureException", "SignatureDoesNotMatch", message)

    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise refuse("Date must be in ISO-8601 'basic format'.") from error
    if not stamp.startswith(credential.date):
        raise refuse(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: {stamp}"
        )
    allowed = "5 min." if tolerance == TOLERANCE else f"{tolerance.total_seconds():g} s"
    if signed_at < now - tolerance:
        limit = f"{now - tolerance:%Y%m%dT%H%M%SZ} ({now:%Y%m%dT%H%M%SZ} - {allowed})"
        raise refuse(f"Signature expired: {stamp} is now earlier than {limit}")
    if signed_at > now + tolerance:
        limit = f"{now + tolerance:%Y%m%dT%H%M%SZ} ({now:%Y%m%dT%H%M%SZ} + {allowed})"
        raise refuse(f"Signature not yet current: {stamp} is still later than {limit}")


@lru_cache(maxsize=16)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _signature(request: Request, credential: Credential, secret: str, stamp: str) -> str:
    canonical = _canonical_request(request, credential.signed_headers)
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    digest = hashlib.sha256(canonical).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = _signing_key(secret, credential.date, credential.region, credential.service)
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical_request(request: Request, signed: tuple[str, ...]) -> bytes:
    # Every service but S3 encodes the path a second time.
    path = quote(request.raw_path or "/", safe="/~-_.")
    query = "&".join(
        sorted(pair if "=" in pair else f"{pair}=" for pair in request.query_string.split("&") if pair)
    )
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    head = f"{request.method}\n{path}\n{query}\n{headers}\n{';'.join(signed)}\n"
    return head.encode() + hashlib.sha256(request.body).hexdigest().encode()
