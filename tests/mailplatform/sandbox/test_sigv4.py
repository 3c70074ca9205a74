"""Requests signed by botocore pass; anything else is refused in the service's own words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from mailplatform.sandbox import sigv4
from mailplatform.sandbox.constants import ACCESS_KEY, ACCOUNT_ID, SECRET_KEY
from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.testing import RunningSandbox
from mailplatform.sandbox.wire import Request

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def signed(
    url: str,
    body: bytes = b"",
    *,
    service: str = "ses",
    region: str = "eu-central-1",
    secret: str = SECRET_KEY,
) -> AWSRequest:
    request = AWSRequest(
        "POST" if body else "GET", url, data=body, headers={"Content-Type": "application/json"}
    )
    SigV4Auth(Credentials(ACCESS_KEY, secret), service, region).add_auth(request)
    return request


def call(request: AWSRequest, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
    sent = request.data if body is None else body
    assert request.method
    assert request.url
    return urllib3.request(
        request.method, request.url, body=sent, headers=dict(request.headers), retries=False
    )


def test_a_signed_request_is_answered(sbx: RunningSandbox) -> None:
    assert call(signed(f"{sbx.url}/v2/email/account")).status == 200


def test_query_and_odd_path_are_part_of_the_signature(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    address = "a+b c/d=é@example.org"
    with pytest.raises(ClientError) as error:
        ses.get_suppressed_destination(EmailAddress=address)
    assert error.value.response["Error"]["Code"] == "NotFoundException"
    assert ses.list_suppressed_destinations(Reasons=["BOUNCE", "COMPLAINT"], PageSize=5) is not None


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"secret": "wrong"}, "InvalidSignatureException", "signature we calculated does not match"),
        ({"region": "us-east-1"}, "InvalidSignatureException", "scoped to a valid region"),
    ],
)
def test_a_wrong_signature_is_refused(
    sbx: RunningSandbox, options: dict[str, Any], code: str, words: str
) -> None:
    answer = call(signed(f"{sbx.url}/v2/email/account", **options))
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, code)
    assert words in json.loads(answer.data)["message"]


def test_an_altered_body_is_refused(sbx: RunningSandbox) -> None:
    request = signed(f"{sbx.url}/v2/email/identities", b'{"EmailIdentity": "a.example"}')
    assert call(request, b'{"EmailIdentity": "b.example"}').status == 403
    assert call(request).status == 200


def test_an_unknown_key_is_refused(sbx: RunningSandbox) -> None:
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        sbx.client("sesv2", aws_access_key_id="somebody").get_account()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sbx.client("sns", aws_access_key_id="somebody").list_topics()


def test_sns_words_a_wrong_signature_in_xml(sbx: RunningSandbox) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        sbx.client("sns", aws_secret_access_key="wrong").list_topics()


def test_an_unsigned_call_is_refused(sbx: RunningSandbox) -> None:
    answer = urllib3.request("GET", f"{sbx.url}/v2/email/account")
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_credentials_from_assume_role_are_known(sbx: RunningSandbox) -> None:
    role = sbx.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/sender", RoleSessionName="session"
    )
    given = role["Credentials"]
    session = boto3.session.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    ses = session.client("sesv2", region_name=sbx.region, endpoint_url=sbx.url)
    assert ses.get_account()["SendingEnabled"] is True


def _verify(stamp: datetime, *, tolerance: timedelta = sigv4.TOLERANCE, **changes: Any) -> None:
    headers = {"host": "h", "x-amz-date": f"{stamp:%Y%m%dT%H%M%SZ}"}
    request = Request("GET", "/", "/", "", list(headers.items()), b"", "127.0.0.1")
    names = ("host", "x-amz-date")
    credential = sigv4.Credential(ACCESS_KEY, f"{stamp:%Y%m%d}", "eu-central-1", "ses", names, "0" * 64)
    signature = sigv4._signature(request, credential, SECRET_KEY, headers["x-amz-date"])
    credential = credential._replace(signature=signature, **changes)
    sigv4.verify(
        request,
        credential,
        region="eu-central-1",
        secret_of={ACCESS_KEY: SECRET_KEY}.get,
        now=NOW,
        tolerance=tolerance,
    )


@pytest.mark.parametrize("minutes", [-5, -1, 0, 5])
def test_five_minutes_either_way_are_accepted(minutes: int) -> None:
    _verify(NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("seconds", "words"), [(-301, "Signature expired"), (301, "Signature not yet current")]
)
def test_beyond_five_minutes_is_refused(seconds: int, words: str) -> None:
    with pytest.raises(ApiError, match=words):
        _verify(NOW + timedelta(seconds=seconds))


def test_a_trial_may_refuse_sooner() -> None:
    eight = timedelta(seconds=8)
    _verify(NOW - eight, tolerance=eight)
    with pytest.raises(ApiError, match=r"Signature expired: .* - 8 s\)"):
        _verify(NOW - timedelta(seconds=9), tolerance=eight)
    with pytest.raises(ApiError, match=r"Signature not yet current: .* \+ 8 s\)"):
        _verify(NOW + timedelta(seconds=9), tolerance=eight)


def test_the_scope_must_name_the_day_of_the_signature() -> None:
    with pytest.raises(ApiError, match="does not match YYYYMMDD"):
        _verify(NOW, date="20260430")


@pytest.mark.parametrize(
    "header", ["", "Basic x", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0"]
)
def test_other_headers_are_no_signature(header: str) -> None:
    assert sigv4.parse(header) is None
