import uuid

import pytest

from mailplatform.aws import identity
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import AwsCallError
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    shared_sandbox.api.put("account", auto_verify=False)
    return shared_sandbox


@pytest.fixture
def connection(sandbox: RunningSandbox) -> Connection:
    return Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sesv2": sandbox.url})


@pytest.fixture
def domain() -> str:
    return f"{uuid.uuid4().hex[:8]}.example.eu"


def test_a_new_domain_names_the_dns_records_it_needs(
    sandbox: RunningSandbox, connection: Connection, domain: str
) -> None:
    ses = sandbox.client("sesv2")
    ses.create_email_identity(EmailIdentity=domain)
    ses.put_email_identity_mail_from_attributes(EmailIdentity=domain, MailFromDomain=f"bounce.{domain}")
    found = identity.state(connection, domain)
    assert not found.is_verified
    assert [(record.type, record.name.removesuffix(domain)) for record in found.dns[3:]] == [
        ("MX", "bounce."),
        ("TXT", "bounce."),
        ("TXT", "_dmarc."),
    ]
    for record in found.dns[:3]:
        token = record.name.removesuffix(f"._domainkey.{domain}")
        assert (record.type, record.value) == ("CNAME", f"{token}.dkim.amazonses.com")
    assert all(str(record) in found.to_do for record in found.dns)


def test_keys_are_looked_for_in_the_zone_that_ses_names() -> None:
    dkim = {"Tokens": ["a"], "SigningHostedZone": "eu-south-2.dkim.amazonses.com"}
    first, *_ = identity._records("example.eu", "eu-south-2", dkim, {})
    assert first.value == "a.eu-south-2.dkim.amazonses.com"
    external = identity._records(
        "example.eu", "eu-south-2", {**dkim, "SigningAttributesOrigin": "EXTERNAL"}, {}
    )
    assert [record.name for record in external] == ["_dmarc.example.eu"]


def test_a_new_address_is_told_to_click(sandbox: RunningSandbox, connection: Connection, domain: str) -> None:
    sandbox.client("sesv2").create_email_identity(EmailIdentity=f"news@{domain}")
    found = identity.state(connection, f"news@{domain}")
    assert found.dns == ()
    assert "Click the link" in found.to_do


def test_a_verified_one_needs_nothing(sandbox: RunningSandbox, connection: Connection, domain: str) -> None:
    ses = sandbox.client("sesv2")
    ses.create_email_identity(EmailIdentity=domain)
    assert domain not in identity.verified_identities(connection)
    ses.put_email_identity_mail_from_attributes(EmailIdentity=domain, MailFromDomain=f"bounce.{domain}")
    sandbox.api.post(f"identities/{domain}/verify")
    assert identity.state(connection, domain).to_do == ""
    assert domain in identity.verified_identities(connection)


def test_one_that_is_not_there_is_a_plain_refusal(connection: Connection, domain: str) -> None:
    with pytest.raises(AwsCallError, match="NotFoundException"):
        identity.state(connection, domain)
