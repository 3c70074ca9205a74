"""A look at the sending domains: Amazon says which records, DNS whether they are there; both may fail to answer."""

import uuid
from datetime import timedelta
from typing import Any

import dns.resolver
import pytest
from django.core.cache import cache

from campaigns.models import Sender
from events.models import Cursor, DomainLook
from events.selectors import deliverability as selector
from events.sender_dns import Part, Verdict
from events.services import deliverability
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import SERVICES
from tests.factories.aws_calls import recorded
from tests.factories.dns import resolving

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    cache.delete(deliverability.KEY)
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION = "eu-central-1"


@pytest.fixture
def domain(settings: Any, shared_sandbox: RunningSandbox) -> str:
    """A domain with MAIL FROM, known to an Amazon that answers."""
    settings.AWS_ENDPOINT_URLS = {"sesv2": shared_sandbox.url}
    name = f"{uuid.uuid4().hex[:8]}.example.eu"
    ses = shared_sandbox.client("sesv2")
    ses.create_email_identity(EmailIdentity=name)
    ses.put_email_identity_mail_from_attributes(EmailIdentity=name, MailFromDomain=f"bounce.{name}")
    installation.update(actor=None, sender_address=f"news@{name}")
    return name


def verdicts(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in selector.checks_of(DomainLook.objects.get(pk=name)):
        found.setdefault(check.part, []).append(check.verdict)
    return found


def answers_of(name: str) -> dict[tuple[str, str], Any]:
    """The DNS of a domain where all is as it should be."""
    checks = selector.checks_of(DomainLook.objects.get(pk=name))
    wanted = {(check.name, check.type): [check.value] for check in checks}
    return wanted | {(name, "MX"): [f"10 mail.{name}"]}


def test_nothing_is_there_then_all_is_then_one_is_wrong(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    resolving(monkeypatch, {})
    deliverability.look()
    assert verdicts(domain) == {
        Part.DKIM: ["missing"] * 3,
        Part.MX: ["missing"],
        Part.SPF: ["missing"],
        Part.DMARC: ["missing"],
        Part.REPLIES: ["missing"],
    }
    answers = answers_of(domain)
    asked = resolving(monkeypatch, answers)
    deliverability.look()
    assert {verdict for found in verdicts(domain).values() for verdict in found} == {"found"}
    assert (f"bounce.{domain}", "MX") in asked
    looked = selector.looked()[0]
    assert (looked.faults, looked.look.dmarc["policy"], looked.look.error) == (0, "none", "")
    resolving(monkeypatch, answers | {(f"bounce.{domain}", "TXT"): ["v=spf1 -all"]})
    deliverability.look()
    assert verdicts(domain)[Part.SPF] == ["wrong"]
    assert selector.looked()[0].faults == 1


def test_dns_that_does_not_answer_is_not_a_missing_record(
    monkeypatch: pytest.MonkeyPatch, domain: str
) -> None:
    late = dns.resolver.LifetimeTimeout
    resolving(monkeypatch, {(f"_dmarc.{domain}", "TXT"): late})
    deliverability.look()
    check = next(item for item in selector.looked()[0].checks if item.part == Part.DMARC)
    assert (check.verdict, check.words) == (Verdict.UNKNOWN, "DNS did not answer within 5 seconds.")


def test_without_amazon_what_can_be_told_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    installation.update(actor=None, sender_address="news@shop.example")
    resolving(monkeypatch, {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=reject"]})
    deliverability.look()
    assert verdicts("shop.example") == {
        Part.MX: ["missing"], Part.SPF: ["missing"], Part.DMARC: ["found"], Part.REPLIES: ["missing"],
    }  # fmt: skip
    assert "Amazon" in DomainLook.objects.get().error or "connect" in DomainLook.objects.get().error
    work = deliverability.state()
    assert work is not None
    assert work.is_done
    assert work.error


def test_the_policy_of_the_nearest_domain_above_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    installation.update(actor=None, sender_address="a@news.shop.co.example")
    policies = {"shop.co.example": ["v=DMARC1; p=reject"], "co.example": ["v=DMARC1; p=none"]}
    resolving(monkeypatch, {(f"_dmarc.{name}", "TXT"): found for name, found in policies.items()})
    deliverability.look()
    assert verdicts("news.shop.co.example")[Part.DMARC] == ["found"]
    assert DomainLook.objects.get().dmarc["policy"] == "reject"


def test_the_tracking_domain_belongs_to_its_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    installation.update(
        actor=None,
        sender_address="news@shop.example",
        provisioning={"identities": ["shop.example"], "tracking_domain": "t.shop.example"},
    )
    resolving(monkeypatch, {("t.shop.example", "CNAME"): ["r.eu-central-1.awstrack.me"]})
    deliverability.look()
    assert verdicts("shop.example")[Part.TRACKING] == ["wrong"]


def test_domains_are_those_of_settings_and_senders_each_once() -> None:
    for address in (
        "a@shop.example",
        "b@mail.shop.example",
        "c@other.example",
        "d@other.example",
        "shop@gmail.com",
    ):
        Sender.objects.create(address=address)
    row = installation.update(
        actor=None, sender_address="news@shop.example", verified_identities=["shop.example", "me@gmail.com"]
    )
    assert deliverability.domains(row) == ["shop.example", "other.example"]


def test_a_domain_that_is_not_used_any_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    DomainLook.objects.create(domain="old.example", at=clock.now())
    installation.update(actor=None, sender_address="news@shop.example")
    resolving(monkeypatch, {})
    deliverability.look()
    assert list(DomainLook.objects.values_list("pk", flat=True)) == ["shop.example"]


def test_it_looks_once_a_day_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, {})
    assert deliverability.look_if_due()
    assert not deliverability.look_if_due()
    Cursor.objects.filter(pk=deliverability.JOB).update(at=clock.now() - timedelta(hours=25))
    assert deliverability.look_if_due()


def test_a_trial_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, settings: Any, shared_sandbox: RunningSandbox, domain: str
) -> None:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    asked = resolving(monkeypatch, {})
    assert not deliverability.look_if_due()
    deliverability.look()
    assert asked == []
    assert {verdict for found in verdicts(domain).values() for verdict in found} == {"unknown"}


def test_one_look_at_a_time() -> None:
    assert deliverability.begin()
    assert not deliverability.begin()


@pytest.fixture
def smtp(settings: Any) -> None:
    """An SMTP server sends, which nobody speaks to here; whoever asks Amazon fails."""
    settings.SMTP_URL = "smtp://127.0.0.1:9"


SPF = "v=spf1 include:_spf.provider.example ~all"


def test_beside_an_smtp_server_only_the_senders_own_dns_is_asked(
    monkeypatch: pytest.MonkeyPatch, smtp: None
) -> None:
    installation.update(
        actor=None,
        sender_address="news@shop.example",
        verified_identities=["formerly.example"],
        provisioning={"identities": ["shop.example"], "tracking_domain": "t.shop.example"},
    )
    policy = "v=DMARC1; p=quarantine; rua=mailto:d@shop.example"
    asked = resolving(
        monkeypatch,
        {
            ("shop.example", "TXT"): ["google-site-verification=1", SPF],
            ("_dmarc.shop.example", "TXT"): [policy],
            ("shop.example", "MX"): ["10 mail.shop.example"],
        },
    )
    with recorded() as calls:
        deliverability.look()
    assert calls == []
    assert verdicts("shop.example") == {
        Part.OWN_SPF: ["found"], Part.OWN_DKIM: ["unknown"], Part.DMARC: ["found"], Part.REPLIES: ["found"],
    }  # fmt: skip
    assert {name for name, _ in asked} == {"shop.example", "_dmarc.shop.example"}
    (looked,) = selector.looked()
    assert (looked.faults, looked.look.error) == (0, "")
    by_part = {check.part: check for check in looked.checks}
    assert by_part[Part.OWN_SPF].seen == (SPF,)
    assert "dkim=pass" in by_part[Part.OWN_DKIM].words
    work = deliverability.state()
    assert work is not None
    assert work.error == ""
    assert not any("amazon" in check.value.lower() + check.words.lower() for check in looked.checks)


def test_beside_an_smtp_server_a_record_that_is_missing_or_broken_is_said(
    monkeypatch: pytest.MonkeyPatch, smtp: None
) -> None:
    installation.update(actor=None, sender_address="news@shop.example")
    resolving(monkeypatch, {("shop.example", "TXT"): [SPF, "v=spf1 -all"]})
    deliverability.look()
    found = verdicts("shop.example")
    assert (found[Part.OWN_SPF], found[Part.DMARC], found[Part.REPLIES]) == (
        ["wrong"], ["missing"], ["missing"],
    )  # fmt: skip


def test_beside_an_smtp_server_each_senders_domain_is_looked_at_by_itself(smtp: None) -> None:
    for address in ("a@mail.shop.example", "b@shop.example", "shop@gmail.com"):
        Sender.objects.create(address=address)
    row = installation.update(actor=None, sender_address="News@Shop.example")
    assert deliverability.domains(row) == ["shop.example", "mail.shop.example"]


def test_who_changes_the_carrier_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    installation.update(actor=None, sender_address="news@shop.example")
    resolving(monkeypatch, {})
    assert deliverability.look_if_due()
    assert not deliverability.look_if_due()
    settings.SMTP_URL = "smtp://127.0.0.1:9"
    assert deliverability.look_if_due()
    assert Part.MX not in verdicts("shop.example")
    assert not deliverability.look_if_due()
    settings.SMTP_URL = ""
    assert deliverability.look_if_due()
    assert Part.MX in verdicts("shop.example")
