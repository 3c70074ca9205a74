"""The signature, against AWS's documented algorithm written out."""

import hashlib
import hmac

import pytest
from botocore.credentials import Credentials

from mailplatform.aws import signing

URL = "https://email.eu-central-1.amazonaws.com/v2/email/outbound-bulk-emails"
BODY = b'{"a":1}'


def _expected(headers: dict[str, str], signed: str, *, secret: str = "secret") -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html, step by step."""
    values = {name.lower(): value for name, value in headers.items()} | {
        "host": "email.eu-central-1.amazonaws.com"
    }
    canonical = "\n".join(
        [
            "POST",
            "/v2/email/outbound-bulk-emails",
            "",
            *(f"{name}:{values[name]}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(BODY).hexdigest(),
        ]
    )
    date = values["x-amz-date"]
    scope = f"{date[:8]}/eu-central-1/ses/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (date[:8], "eu-central-1", "ses", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    ("token", "signed"),
    [(None, "content-type;host;x-amz-date"), ("token", "content-type;host;x-amz-date;x-amz-security-token")],
)
def test_signature(token: str | None, signed: str) -> None:
    signer = signing.RequestSigner(
        Credentials("AKIDEXAMPLE", "secret", token), service="ses", region="eu-central-1"
    )
    headers = signer.headers(URL, BODY)
    assert f"SignedHeaders={signed}, " in headers["Authorization"]
    assert headers["Authorization"].endswith("Signature=" + _expected(headers, signed))
    assert headers.get("X-Amz-Security-Token") == token


def test_a_changed_body_changes_the_signature() -> None:
    signer = signing.RequestSigner(Credentials("AKIDEXAMPLE", "secret"), service="ses", region="eu-central-1")
    assert signer.headers(URL, BODY)["Authorization"] != signer.headers(URL, b'{"a":2}')["Authorization"]
