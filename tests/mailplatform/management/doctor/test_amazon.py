"""Which buckets `doctor` asks about (what it says of one is in tests/mailplatform/aws/test_buckets.py), and senders."""

import boto3
import pytest
from moto import mock_aws
from pytest_django import Settings

from mailplatform.accounts.models import Installation
from mailplatform.aws import session
from mailplatform.aws.session import Connection
from mailplatform.management.doctor import Level, amazon
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("uploads", "ledger", "endpoints", "expected"),
    [
        ("", "", {}, []),
        ("our-one", "our-one", {}, ["Bucket our-one"]),
        ("our-one", "our-two", {}, ["Bucket our-one", "Bucket our-two"]),
        ("our-one", "our-one", {"s3": "http://127.0.0.1:9000"}, []),
    ],
)
def test_each_bucket_once(
    settings: Settings, uploads: str, ledger: str, endpoints: dict[str, str], expected: list[str]
) -> None:
    settings.S3_BUCKET, settings.LEDGER_BUCKET, settings.S3_REGION = uploads, ledger, "eu-west-1"
    settings.AWS_ENDPOINT_URLS, settings.AWS_REGION = endpoints, "eu-central-1"
    session._client.cache_clear()
    with mock_aws():
        api = boto3.client("s3", region_name="eu-west-1")
        for name in {uploads, ledger} - {""}:
            api.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        found = list(amazon.buckets())
    session._client.cache_clear()
    assert [finding.subject for finding in found] == expected
    assert all(finding.detail == "in eu-west-1" for finding in found)


DKIM = {"Status": "SUCCESS", "Tokens": ["abc"]}


@pytest.mark.parametrize(
    ("name", "found", "level", "words"),
    [
        ("a.example", {"VerifiedForSendingStatus": True, "DkimAttributes": DKIM}, Level.OK, "signed"),
        (
            "a.example",
            {"VerifiedForSendingStatus": False, "DkimAttributes": {**DKIM, "Status": "PENDING"}},
            Level.ERROR,
            "abc._domainkey.a.example CNAME abc.dkim.amazonses.com",
        ),
        (
            "a.example",
            {"VerifiedForSendingStatus": True, "DkimAttributes": {**DKIM, "Status": "FAILED"}},
            Level.ERROR,
            "add these DNS records",
        ),
        ("a.example", {"VerifiedForSendingStatus": True}, Level.ERROR, "run `manage.py provision`"),
        ("me@a.example", {"VerifiedForSendingStatus": True}, Level.OK, "verified"),
        ("me@a.example", {"VerifiedForSendingStatus": False}, Level.ERROR, "click the link"),
    ],
)
def test_a_sender_whose_mail_is_not_signed(
    name: str, found: dict[str, object], level: Level, words: str
) -> None:
    judged = amazon.judged_sender(name, found)
    assert judged.level is level
    assert words in judged.detail


@pytest.mark.parametrize(
    ("sender", "known", "expected"),
    [
        ("news@doctor.example", ["doctor.example"], [("Sender doctor.example", Level.OK)]),
        ("news@doctor.example", [], [("Sender doctor.example", Level.WARNING)]),
        ("news@mail.doctor.example", ["doctor.example"], [("Sender doctor.example", Level.OK)]),
        ("news@mail.doctor.example", [], [("Sender mail.doctor.example", Level.ERROR)]),
    ],
)
def test_a_sender_that_amazon_verified_and_the_site_does_not_know(
    shared_sandbox: RunningSandbox, sender: str, known: list[str], expected: list[tuple[str, Level]]
) -> None:
    shared_sandbox.reset()
    shared_sandbox.client("sesv2").create_email_identity(EmailIdentity="doctor.example")
    aws = Connection(
        shared_sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sesv2": shared_sandbox.url}
    )
    row = Installation(sender_address=sender, verified_identities=known)
    found = list(amazon.senders(aws, row))
    assert [(finding.subject, finding.level) for finding in found] == expected
    assert all("Look again" in finding.detail for finding in found if finding.level is Level.WARNING)
