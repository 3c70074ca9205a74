"""Identities, through boto3."""

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import ApiFailedError, RunningSandbox
from tests.mailplatform.sandbox.support import Wired


def test_a_domain_gets_dkim_tokens_and_is_verified_at_once(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    created = ses.create_email_identity(EmailIdentity="example.com")
    assert created["IdentityType"] == "DOMAIN"
    assert len(created["DkimAttributes"]["Tokens"]) == 3
    found = ses.get_email_identity(EmailIdentity="example.com")
    assert (found["VerificationStatus"], found["VerifiedForSendingStatus"]) == ("SUCCESS", True)
    assert found["DkimAttributes"]["Status"] == "SUCCESS"
    assert found["DkimAttributes"]["SigningHostedZone"] == "dkim.amazonses.com"


def test_it_stays_pending_where_the_account_says_so(sbx: RunningSandbox) -> None:
    sbx.api.put("account", auto_verify=False)
    ses = sbx.client("sesv2")
    ses.create_email_identity(EmailIdentity="ada@example.com")
    assert ses.get_email_identity(EmailIdentity="ada@example.com")["VerificationStatus"] == "PENDING"
    sbx.api.post("identities/ada@example.com/verify")
    assert ses.get_email_identity(EmailIdentity="ada@example.com")["VerificationStatus"] == "SUCCESS"


def test_it_can_be_verified_and_lose_that_again(sbx: RunningSandbox) -> None:
    sbx.api.put("account", auto_verify=False)
    ses = sbx.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    sbx.api.post("identities/example.com/verify")
    assert ses.get_email_identity(EmailIdentity="example.com")["VerificationStatus"] == "SUCCESS"
    for body, status in (({}, "FAILED"), ({"status": "TEMPORARY_FAILURE"}, "TEMPORARY_FAILURE")):
        sbx.api.post("identities/example.com/unverify", **body)
        found = ses.get_email_identity(EmailIdentity="example.com")
        assert (found["VerifiedForSendingStatus"], found["VerificationStatus"]) == (False, status)
        assert found["DkimAttributes"]["Status"] == status
    assert not ses.list_email_identities()["EmailIdentities"][0]["SendingEnabled"]
    with pytest.raises(ApiFailedError, match="SUCCESS"):
        sbx.api.post("identities/example.com/unverify", status="SUCCESS")


def test_list_and_delete(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    for name in ("b.example", "a@a.example"):
        ses.create_email_identity(EmailIdentity=name)
    found = ses.list_email_identities()["EmailIdentities"]
    assert [(item["IdentityName"], item["IdentityType"]) for item in found] == [
        ("a@a.example", "EMAIL_ADDRESS"),
        ("b.example", "DOMAIN"),
    ]
    ses.delete_email_identity(EmailIdentity="b.example")
    with pytest.raises(ClientError, match="NotFoundException"):
        ses.get_email_identity(EmailIdentity="b.example")


def test_twice_is_refused(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        ses.create_email_identity(EmailIdentity="example.com")


@pytest.mark.parametrize("name", ["not a domain", "localhost", "-x.example"])
def test_a_broken_name_is_refused(sbx: RunningSandbox, name: str) -> None:
    with pytest.raises(ClientError, match="BadRequestException"):
        sbx.client("sesv2").create_email_identity(EmailIdentity=name)


def test_mail_from_must_lie_below_the_domain(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    ses.create_email_identity(EmailIdentity="example.com")
    with pytest.raises(ClientError, match="not subdomain"):
        ses.put_email_identity_mail_from_attributes(
            EmailIdentity="example.com", MailFromDomain="other.example"
        )
    ses.put_email_identity_mail_from_attributes(
        EmailIdentity="example.com", MailFromDomain="bounce.example.com"
    )
    found = ses.get_email_identity(EmailIdentity="example.com")["MailFromAttributes"]
    assert (found["MailFromDomain"], found["MailFromDomainStatus"]) == ("bounce.example.com", "SUCCESS")


def test_a_pending_mail_from_may_stop_mail(wired: Wired) -> None:
    wired.sandbox.api.put("account", auto_verify=False)
    wired.ses.put_email_identity_mail_from_attributes(
        EmailIdentity="example.com", MailFromDomain="b.example.com", BehaviorOnMxFailure="REJECT_MESSAGE"
    )
    with pytest.raises(ClientError, match="MailFromDomainNotVerifiedException"):
        wired.send()


def test_own_dkim_keys_show_their_selector(sbx: RunningSandbox) -> None:
    signing = {"DomainSigningSelector": "mine", "DomainSigningPrivateKey": "a2V5"}
    created = sbx.client("sesv2").create_email_identity(
        EmailIdentity="example.com", DkimSigningAttributes=signing
    )
    attributes = created["DkimAttributes"]
    assert (attributes["SigningAttributesOrigin"], attributes["Tokens"]) == ("EXTERNAL", ["mine"])


@pytest.mark.parametrize(
    ("sender", "passes"),
    [
        ("a@example.com", True),
        ("a@EXAMPLE.com", True),
        ("a@sub.example.com", True),
        ("a@notexample.com", False),
        ("a@example.org", False),
    ],
)
def test_who_may_send_under_a_verified_domain(wired: Wired, sender: str, passes: bool) -> None:
    arguments = {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": ["b@example.org"]},
        "Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
    }
    if passes:
        assert wired.ses.send_email(**arguments)["MessageId"]
        return
    with pytest.raises(ClientError) as error:
        wired.ses.send_email(**arguments)
    assert error.value.response["Error"] == {
        "Code": "MessageRejected",
        "Message": "Email address is not verified. The following identities failed the check in region "
        f"EU-CENTRAL-1: {sender}",
    }


def test_a_pending_address_hides_its_verified_domain(wired: Wired) -> None:
    wired.sandbox.api.put("account", auto_verify=False)
    wired.ses.create_email_identity(EmailIdentity="news@example.com")
    with pytest.raises(ClientError, match="MessageRejected"):
        wired.send()


def test_the_default_configuration_set_of_an_identity_is_used(wired: Wired) -> None:
    wired.ses.put_email_identity_configuration_set_attributes(
        EmailIdentity="example.com", ConfigurationSetName="all"
    )
    wired.send(ConfigurationSetName="")
    assert wired.events("Send")[0]["mail"]["tags"]["ses:configuration-set"] == ["all"]
