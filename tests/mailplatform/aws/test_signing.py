"""The signature, against AWS's documented algorithm written out, and against botocore's."""

import hashlib
import hmac

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mailplatform.aws import signing

HOST, PATH = "email.eu-central-1.amazonaws.com", "/v2/email/outbound-bulk-emails"
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
    headers = signer.headers(HOST, PATH, BODY)
    assert f"SignedHeaders={signed}, " in headers["Authorization"]
    assert headers["Authorization"].endswith("Signature=" + _expected(headers, signed))
    assert headers.get("X-Amz-Security-Token") == token


def test_a_changed_body_changes_the_signature() -> None:
    signer = signing.RequestSigner(Credentials("AKIDEXAMPLE", "secret"), service="ses", region="eu-central-1")
    assert (
        signer.headers(HOST, PATH, BODY)["Authorization"]
        != signer.headers(HOST, PATH, b'{"a":2}')["Authorization"]
    )


@pytest.mark.parametrize("token", [None, "token"])
@pytest.mark.parametrize("host", [HOST, "127.0.0.1:4566"])
def test_botocore_signs_the_same(token: str | None, host: str) -> None:
    credentials = Credentials("AKIDEXAMPLE", "secret", token)
    signer = signing.RequestSigner(credentials, service="ses", region="eu-central-1")
    for day in ("2026-03-01 12:00", "2026-03-02 00:00:01"):
        with time_machine.travel(f"{day}+00:00", tick=False):
            request = AWSRequest("POST", f"https://{host}{PATH}", {"Content-Type": "application/json"}, BODY)
            SigV4Auth(credentials, "ses", "eu-central-1").add_auth(request)
            assert signer.headers(host, PATH, BODY) == dict(request.headers.items())
