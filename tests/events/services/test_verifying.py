"""From apply to the first campaign: what Amazon verifies later is noticed, and so is what it takes back."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from django.core.cache import cache

from campaigns.models import Campaign, Sender
from campaigns.services import campaigns, preflight
from events import periodic
from events.models import Cursor, DomainLook
from events.selectors import dashboard
from events.services import deliverability, provisioning, verifying
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws import session
from mailplatform.core import clock
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import SERVICES
from tests.factories.campaigns import make_ready_campaign
from tests.factories.dns import resolving

pytestmark = pytest.mark.django_db


@pytest.fixture
def domain(settings: Any, shared_sandbox: RunningSandbox) -> Iterator[str]:
    """The default sender's domain, in an account that verifies nothing by itself, as Amazon's."""
    cache.delete(deliverability.KEY)
    shared_sandbox.reset()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION, settings.PUBLIC_URL = shared_sandbox.region, "https://news.example.eu"
    shared_sandbox.api.put("account", auto_verify=False)
    prefix = f"t{uuid.uuid4().hex[:8]}"
    installation.update(
        actor=None,
        configuration_set_prefix=prefix,
        provisioning={"without": ["subscription", "buckets", "monitoring"]},
    )
    yield f"{prefix}.example.eu"
    shared_sandbox.reset()


@pytest.fixture
def campaign(domain: str) -> Campaign:
    """A campaign that lacks nothing but a verified sender; the account is as the first apply leaves it."""
    made = make_ready_campaign(sender=Sender.objects.create(address=f"news@{domain}"))
    installation.update(actor=None, sender_address=f"news@{domain}", verified_identities=[])
    provisioning.apply(provisioning.wanted(), lambda *_: None)
    return made


def blocking(campaign: Campaign) -> dict[str, str]:
    return {item.code: item.message for item in preflight.check(campaign).blocking}


def is_ticked() -> bool:
    steps = dashboard.dashboard(installation.get()).steps
    return next(step.is_done for step in steps if step.title == "Verify your domain")


def later(by: timedelta) -> None:
    """Let so much time pass since Amazon was asked."""
    Cursor.objects.filter(pk=verifying.JOB).update(at=clock.now() - by)


def test_a_domain_that_amazon_verifies_after_the_apply_may_send(
    campaign: Campaign, domain: str, shared_sandbox: RunningSandbox
) -> None:
    assert installation.get().verified_identities == []
    assert not is_ticked()
    words = blocking(campaign)["sender_not_verified"]
    assert f"news@{domain} is not verified in Amazon SES. Under Deliverability" in words
    with pytest.raises(campaigns.SenderNotVerified):
        campaigns.add_sender(actor=None, name="", address=f"shop@{domain}")
    deliverability.look()
    assert "sender_not_verified" in blocking(campaign)

    shared_sandbox.api.post(f"identities/{domain}/verify")
    deliverability.look()
    assert installation.get().verified_identities == [domain]
    assert blocking(campaign) == {}
    assert is_ticked()
    assert campaigns.add_sender(actor=None, name="", address=f"shop@{domain}").pk

    shared_sandbox.api.post(f"identities/{domain}/unverify")
    later(timedelta(hours=1))
    periodic.look_at_identities()
    assert "sender_not_verified" in blocking(campaign)
    assert not is_ticked()
    noted = AuditEntry.objects.filter(action="aws.identities").order_by("pk")
    assert [entry.detail for entry in noted] == [
        {"verified": [domain], "lost": []},
        {"verified": [], "lost": [domain]},
    ]


def test_amazon_is_asked_often_while_something_waits_and_every_hour_otherwise(
    campaign: Campaign, domain: str, shared_sandbox: RunningSandbox
) -> None:
    assert verifying.look_if_due()
    assert not verifying.look_if_due()
    later(timedelta(minutes=5))
    shared_sandbox.api.post(f"identities/{domain}/verify")
    assert verifying.look_if_due()
    assert verifying.waiting(installation.get()) == []
    later(timedelta(minutes=59))
    assert not verifying.look_if_due()
    later(timedelta(minutes=60))
    assert verifying.look_if_due()


def test_without_an_account_and_beside_an_smtp_server_nobody_is_asked(domain: str, settings: Any) -> None:
    assert not verifying.look_if_due()
    installation.update(actor=None, account_id=constants.ACCOUNT_ID)
    settings.SMTP_URL = "smtp://127.0.0.1:9"
    assert not verifying.look_if_due()
    settings.SMTP_URL = ""
    assert verifying.look_if_due()


def test_what_amazon_does_not_tell_changes_nothing(
    campaign: Campaign, domain: str, shared_sandbox: RunningSandbox
) -> None:
    """A throttle, a refusal, a fault of Amazon's and silence, each while the identity is said to be verified."""
    shared_sandbox.api.post(f"identities/{domain}/verify")
    deliverability.look()
    events = session.client(installation.aws_connection(), "sesv2").meta.events
    says = {"code": ""}

    class Answer:
        status_code, headers = 400, dict[str, str]()

    def answer(**_: Any) -> Any:
        if says["code"] == "silence":
            raise ConnectTimeoutError(endpoint_url="https://email.example")
        return Answer(), {"Error": {"Code": says["code"], "Message": ""}, "ResponseMetadata": {}}

    events.register("before-call.sesv2.GetEmailIdentity", answer)
    try:
        for code in ("TooManyRequestsException", "AccessDeniedException", "silence"):
            says["code"] = code
            later(timedelta(days=1))
            assert verifying.look_if_due()
            assert installation.get().verified_identities == [domain]
    finally:
        events.unregister("before-call.sesv2.GetEmailIdentity", answer)
    shared_sandbox.api.post(f"identities/{domain}/unverify", status="TEMPORARY_FAILURE")
    deliverability.look()
    assert installation.get().verified_identities == [domain]
    shared_sandbox.client("sesv2").delete_email_identity(EmailIdentity=domain)
    deliverability.look()
    assert installation.get().verified_identities == []


def test_who_does_not_answer_is_not_asked_twenty_times(domain: str, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, "http://127.0.0.1:9")
    found = verifying.ask(["a.example", "b.example", "c.example"])
    assert len({id(answer) for answer in found.values()}) == 1
    assert len(found) == 3


def test_an_address_counts_when_its_owner_has_clicked(domain: str, shared_sandbox: RunningSandbox) -> None:
    address = f"Boss@{domain}"
    made = make_ready_campaign(sender=Sender.objects.create(address=address.lower()))
    installation.update(actor=None, verified_identities=[])
    provisioning.apply(provisioning.wanted({"identities": (address,)}), lambda *_: None)
    assert "sender_not_verified" in blocking(made)
    shared_sandbox.api.post(f"identities/{address}/verify")
    deliverability.look()
    assert installation.get().verified_identities == [address]
    assert blocking(made) == {}


def test_senders_are_asked_about_by_what_they_rest_on(domain: str) -> None:
    for address in ("a@mail.shop.example", "b@shop.example", "me@gmail.com", "it@new.example"):
        Sender.objects.create(address=address)
    row = installation.update(
        actor=None,
        sender_address="News@corp.example",
        provisioning={"identities": ["corp.example"]},
        verified_identities=["shop.example", "unused.example", *(f"n{n}.example" for n in range(30))],
    )
    asked = ["corp.example", "shop.example", "me@gmail.com", "it@new.example", "new.example"]
    assert verifying.names(row) == asked
    assert verifying.waiting(row) == ["corp.example"]


def test_a_destroy_forgets_what_it_removed_and_nothing_else(
    campaign: Campaign, domain: str, shared_sandbox: RunningSandbox
) -> None:
    shared_sandbox.api.post(f"identities/{domain}/verify")
    deliverability.look()
    row = installation.get()
    installation.update(actor=None, verified_identities=[*row.verified_identities, "older.example"])
    provisioning.destroy(provisioning.wanted(), lambda *_: None)
    assert installation.get().verified_identities == ["older.example"]
    assert "sender_not_verified" in blocking(campaign)


def test_with_real_dns_the_page_and_the_list_come_of_the_same_answer(
    campaign: Campaign, domain: str, settings: Any, shared_sandbox: RunningSandbox, monkeypatch: Any
) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": shared_sandbox.url}
    resolving(monkeypatch, {})
    shared_sandbox.api.post(f"identities/{domain}/verify")
    deliverability.look()
    assert DomainLook.objects.get(pk=domain).is_verified
    assert installation.get().verified_identities == [domain]
