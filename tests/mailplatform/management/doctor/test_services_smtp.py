"""The doctor where an SMTP server sends: nothing of Amazon's is demanded, and the bucket is looked at all the same."""

from typing import Any

import boto3
import pytest
from moto import mock_aws

from events.services import deliverability
from mailplatform.accounts.services import installation
from mailplatform.aws import session
from mailplatform.management import doctor
from mailplatform.management.doctor import Finding, Level
from tests.factories.aws_calls import recorded
from tests.factories.dns import resolving
from tests.factories.smtp import fake_smtp

pytestmark = pytest.mark.django_db


def findings(settings: Any, bucket_in: str) -> dict[str, Finding]:
    settings.S3_BUCKET, settings.S3_REGION, settings.LEDGER_BUCKET = "our-one", "eu-west-1", ""
    settings.AWS_ENDPOINT_URLS, settings.AWS_REGION = {}, "eu-central-1"
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    session._client.cache_clear()
    with fake_smtp() as fake, mock_aws(), recorded() as calls:
        settings.SMTP_URL = fake.url
        place: Any = {"LocationConstraint": bucket_in}
        boto3.client("s3", region_name=bucket_in).create_bucket(
            Bucket="our-one", CreateBucketConfiguration=place
        )
        found = list(doctor.examine())
    session._client.cache_clear()
    assert {call.service for call in calls if call.ours} <= {"s3"}
    return {finding.subject: finding for finding in found}


def test_the_buckets_region_is_looked_at(settings: Any) -> None:
    found = findings(settings, "eu-west-1")
    assert found["Bucket our-one"].level is Level.OK
    assert found["SMTP server"].level is Level.OK
    assert not [subject for subject in found if subject.startswith(("SES", "SNS", "Sender", "Amazon keys"))]
    outside = findings(settings, "us-west-2")["Bucket our-one"]
    assert outside.level is Level.ERROR
    assert "European Economic Area" in outside.detail


def test_records_that_amazon_would_want_are_not_demanded(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SMTP_URL, settings.AWS_ENDPOINT_URLS = "smtp://127.0.0.1:9", {}
    installation.update(actor=None, sender_address="news@shop.example")
    answers = {
        ("shop.example", "TXT"): ["v=spf1 include:_spf.provider.example ~all"],
        ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject; rua=mailto:d@shop.example"],
        ("shop.example", "MX"): ["10 mail.shop.example"],
    }
    resolving(monkeypatch, answers)
    deliverability.look()
    found = findings(settings, "eu-west-1")
    assert found["DNS of shop.example"].level is Level.OK
    resolving(monkeypatch, answers | {("shop.example", "TXT"): []})
    deliverability.look()
    judged = findings(settings, "eu-west-1")["DNS of shop.example"]
    assert judged.level is Level.WARNING
    assert "shop.example TXT v=spf1 with the servers that your provider names" in judged.detail
    assert "amazon" not in judged.detail.lower()
