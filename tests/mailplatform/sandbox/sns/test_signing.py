"""Certificates that a strict verifier accepts, and signatures over the documented lines."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store

from mailplatform.sandbox.sns import envelopes, signing
from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import Wired, check_signature


@pytest.mark.parametrize(
    ("region", "name"),
    [
        ("eu-central-1", "sns.amazonaws.com"),
        ("eu-west-1", "sns.amazonaws.com"),
        ("eu-south-1", "sns-signing.eu-south-1.amazonaws.com"),
        ("eu-south-2", "sns-signing.eu-south-2.amazonaws.com"),
        ("eu-central-2", "sns-signing.eu-central-2.amazonaws.com"),
        ("eusc-de-east-1", "sns-signing.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_the_certificate_bears_the_name_of_its_region(region: str, name: str) -> None:
    signer = signing.Signer(region)
    leaf = x509.load_pem_x509_certificate(signer.leaf_pem)
    assert leaf.subject.rfc4514_string() == f"CN={name}"
    verifier = (
        PolicyBuilder().store(Store([x509.load_pem_x509_certificate(signer.ca_pem)])).time(datetime.now(UTC))
    )
    chain = verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, [])
    assert len(chain) == 2
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    signer.close()


def test_the_address_has_the_shape_of_the_real_one() -> None:
    signer = signing.Signer("eu-central-1")
    assert signer.cert_url == f"https://sns.eu-central-1.amazonaws.com{signer.path}"
    assert len(signer.path) == len("/SimpleNotificationService-") + 32 + len(".pem")
    signer.close()


def test_keys_outlive_a_restart_but_not_a_move(tmp_path: Path) -> None:
    first = signing.Signer("eu-central-1", tmp_path)
    again = signing.Signer("eu-central-1", tmp_path)
    moved = signing.Signer("eu-south-1", tmp_path)
    assert (first.leaf_pem, first.ca_pem) == (again.leaf_pem, again.ca_pem)
    assert moved.leaf_pem != first.leaf_pem
    assert (tmp_path / "sns-signing.pem").stat().st_mode & 0o077 == 0
    for signer in (first, again, moved):
        signer.close()


def test_the_server_hands_out_certificate_and_authority(sbx: RunningSandbox) -> None:
    import urllib3

    path = next(iter(sbx.certificates)).partition("amazonaws.com")[2]
    assert urllib3.request("GET", sbx.url + path).data == sbx.sandbox.signer.leaf_pem
    assert urllib3.request("GET", f"{sbx.url}/_sandbox/ca.pem").data == sbx.ca_pem


@pytest.mark.parametrize("version", ["1", "2"])
def test_messages_verify_and_altered_ones_do_not(wired: Wired, version: str) -> None:
    wired.sns.set_topic_attributes(
        TopicArn=wired.topic, AttributeName="SignatureVersion", AttributeValue=version
    )
    wired.sns.publish(TopicArn=wired.topic, Message="Grüße\n", Subject="s")
    wired.sandbox.wait_quiet()
    envelope = wired.receiver.envelopes()[-1]
    assert envelope["SignatureVersion"] == version
    check_signature(wired.sandbox, envelope)
    for key in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn"):
        with pytest.raises(InvalidSignature):
            check_signature(wired.sandbox, {**envelope, key: envelope[key] + "x"})


def test_the_lines_to_sign() -> None:
    envelope = envelopes.notification("arn:t", "m", "", 1_780_000_000.5)
    assert signing.string_to_sign(envelope).decode() == (
        f"Message\nm\nMessageId\n{envelope['MessageId']}\nTimestamp\n2026-05-28T20:26:40.500Z\n"
        "TopicArn\narn:t\nType\nNotification\n"
    )
    with_subject = envelopes.notification("arn:t", "m", "s", 0)
    assert b"\nSubject\ns\n" in signing.string_to_sign(with_subject)
