import email
import email.policy
from pathlib import Path
from typing import Any

import pytest

from campaigns import tokens
from campaigns.models import AttachedContent, Call, CallKind, Delivery, Sender
from campaigns.services import attachments, previews, test_sends
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.core import keys
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.services import suppression
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_site,
    make_subscriber,
    make_template,
    make_user,
)
from tests.factories.media import PDF, make_media
from tests.factories.sending import provision

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sandbox(shared_sandbox: RunningSandbox, settings: Any) -> RunningSandbox:
    shared_sandbox.reset()
    provision(shared_sandbox, settings)
    make_site()
    return shared_sandbox


def send(addresses: list[str], **fields: Any) -> list[str]:
    person = previews.person_of(make_subscriber(name="Zoë Lee"))
    return test_sends.send_campaign_test(
        campaign=make_campaign(**fields), addresses=addresses, person=person, actor=make_user()
    )


def test_ux_13_a_test_is_marked_inert_and_not_counted(sandbox: RunningSandbox) -> None:
    assert len(send(["a@example.org", "b@example.org"])) == 2
    mails = sandbox.messages()
    assert {tuple(m["to"]) for m in mails} == {("a@example.org",), ("b@example.org",)}
    raw = email.message_from_bytes(sandbox.raw(mails[0]["id"]), policy=email.policy.default)
    assert raw["Subject"] == "[TEST] Hello Zoë Lee, news"
    names = raw.keys()
    assert names.index("List-Unsubscribe") < names.index("List-Unsubscribe-Post")
    assert "<test." in raw["List-Id"]
    token = raw["List-Unsubscribe"].strip("<>").rstrip("/").rsplit("/", 1)[1]
    assert tokens.read_unsubscribe_token(token).is_test
    text = raw.get_body(("plain",))
    assert text is not None
    assert "1 High Street, 10115 Berlin" in text.get_content()
    assert not Delivery.objects.exists()
    assert set(Call.objects.values_list("kind", "configuration_set")) == {
        (CallKind.TEST, "mailplatform-none")
    }
    assert AuditEntry.objects.get(action="test.sent").detail == {"count": 2}


@pytest.mark.parametrize(
    ("addresses", "error"),
    [
        ([], test_sends.InvalidAddress),
        (["nonsense"], test_sends.InvalidAddress),
        (["grün@example.org"], test_sends.InvalidAddress),
        ([f"a{n}@example.org" for n in range(11)], test_sends.TooManyAddresses),
    ],
)
def test_addresses_are_checked_before_anything_leaves(
    sandbox: RunningSandbox, addresses: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        send(addresses)
    assert sandbox.messages() == []


def test_a_broken_template_is_not_sent(sandbox: RunningSandbox) -> None:
    with pytest.raises(test_sends.TemplateNotReady):
        send(["a@example.org"], template=make_template(html=HTML + "{{#if name}}"))
    with pytest.raises(test_sends.TemplateNotReady):
        test_sends.send_campaign_test(
            campaign=make_campaign(template=make_template(html="")),
            addresses=["a@example.org"],
            person=previews.sample_person(),
            actor=None,
        )
    assert sandbox.messages() == []


def test_without_a_verified_sender_nothing_leaves() -> None:
    with pytest.raises(test_sends.NoSender):
        send(["a@example.org"], sender=Sender.objects.create(address="x@other.org"))


def test_a_template_is_tested_from_the_default_sender(sandbox: RunningSandbox) -> None:
    test_sends.send_template_test(
        template=make_template(), addresses=["a@example.org"], person=previews.sample_person(), actor=None
    )
    (mail,) = sandbox.messages()
    raw = email.message_from_bytes(sandbox.raw(mail["id"]), policy=email.policy.default)
    assert raw["From"] == "Example News <news@example.com>"


def test_the_settings_page_sends_a_greeting(sandbox: RunningSandbox) -> None:
    assert test_sends.send_greeting(address="me@example.org", actor=None)
    (mail,) = sandbox.messages()
    assert mail["to"] == ["me@example.org"]
    names = [header["name"] for header in mail["headers"] if header["name"].startswith("List-Unsub")]
    assert names == ["List-Unsubscribe", "List-Unsubscribe-Post"]
    address = installation.get().postal_address.splitlines()[-1]
    assert address
    assert all(address in mail[part] and "/u/" in mail[part] for part in ("text", "html"))


def test_a_campaign_without_a_template_says_so() -> None:
    campaign = make_campaign()
    campaign.template = None
    with pytest.raises(test_sends.TemplateNotReady, match="Choose a template first"):
        test_sends.send_campaign_test(
            campaign=campaign,
            addresses=["a@example.org"],
            person=previews.sample_person(),
            actor=None,
        )


def test_a_refusal_of_ses_is_said_in_words(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9", "sns": "http://127.0.0.1:9"}
    with pytest.raises(test_sends.TestNotSent, match="did not take the test mail"):
        send(["a@example.org"])


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@x.org", ["a@x.org"]),
        (" A@x.org, b@x.org;c@x.org\nb@x.org ", ["a@x.org", "b@x.org", "c@x.org"]),
        ("", []),
    ],
)
def test_addresses_are_read_from_a_text_box(text: str, addresses: list[str]) -> None:
    assert test_sends.parse_addresses(text) == addresses


@pytest.mark.parametrize("reason", ["bounce", "complaint", "unsubscribe", "manual", "erased"])
def test_nobody_who_must_not_be_mailed_gets_a_test(sandbox: RunningSandbox, reason: str) -> None:
    suppression.suppress(email_key=keys.email_key("ada@example.org"), reason=reason, source="test")
    with pytest.raises(test_sends.BlockedAddress, match=r"ada@example\.org"):
        send(["bob@example.org", "ada@example.org"])
    assert not sandbox.messages()


def test_a_colleague_who_left_a_mailing_still_gets_tests(sandbox: RunningSandbox) -> None:
    colleague = make_user()
    suppression.suppress(email_key=keys.email_key(colleague.email), reason="unsubscribe", source="test")
    assert len(send([colleague.email])) == 1


def test_a_test_carries_the_attachments(sandbox: RunningSandbox, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    campaign = make_campaign()
    file = make_media("terms.pdf", PDF)
    attachments.attach(campaign_id=campaign.pk, revision=campaign.revision, file=file)
    person = previews.sample_person()
    test_sends.send_campaign_test(
        campaign=campaign, addresses=["a@example.org"], person=person, actor=make_user()
    )
    (mail,) = sandbox.messages()
    parts = email.message_from_bytes(sandbox.raw(mail["id"])).walk()
    assert [part.get_payload(decode=True) for part in parts if part.get_filename()] == [PDF]
    AttachedContent.objects.all().delete()
    with pytest.raises(test_sends.ERRORS, match="content is not there any more"):
        test_sends.send_campaign_test(
            campaign=campaign, addresses=["a@example.org"], person=person, actor=make_user()
        )
