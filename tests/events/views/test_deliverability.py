"""The page on deliverability: what was seen, what the providers would say, and what came back."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from campaigns.models import Run
from events import periodic
from events.models import DomainLook
from events.selectors import dashboard
from events.services import deliverability, digesting
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from tests.factories.accounts import AdminFactory, InstallationFactory, MarketerFactory
from tests.factories.dns import resolving
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db
PAGE = "events:deliverability"


@pytest.fixture
def marketer(client: Client) -> Client:
    cache.delete(deliverability.KEY)
    InstallationFactory.create()
    client.force_login(MarketerFactory.create())
    return client


def look(**more: Any) -> DomainLook:
    check = {
        "part": "DMARC", "name": "_dmarc.example.org", "type": "TXT", "value": "v=DMARC1; p=none",
        "verdict": "missing", "seen": [], "words": "Large providers refuse it.",
    }  # fmt: skip
    values = {"domain": "example.org", "at": clock.now(), "is_verified": True, "checks": [check]} | more
    return DomainLook.objects.create(**values)


def finished() -> Run:
    """A campaign that went out, its figures counted."""
    run = make_finished_campaign()
    run.started_at = run.launched_at
    run.save()
    digesting.digest_runs()
    return run


def text_of(client: Client, name: str = PAGE, query: str = "", **headers: str) -> str:
    return client.get(reverse(name) + query, headers=headers).content.decode()


def test_before_the_first_look_nothing_is_claimed(marketer: Client) -> None:
    text = text_of(marketer)
    assert "No domain was looked at yet" in text
    assert "No sending domain was looked at yet." in text
    assert "no campaign yet" in text
    assert "There is no plan" in text


def test_a_missing_record_can_be_copied_and_fails_the_rules(
    marketer: Client, django_assert_max_num_queries: Any
) -> None:
    look()
    finished()
    with django_assert_max_num_queries(15):
        text = text_of(marketer)
    assert 'data-copy="value-1-1"' in text
    assert "v=DMARC1; p=none" in text
    assert "1 record to mend" in text
    assert "DMARC of example.org is missing." in text
    assert "none of 1 campaign would have stopped" in text


def test_a_record_to_mend_stands_on_the_first_page_of_administrators(client: Client) -> None:
    look()
    client.force_login(AdminFactory.create())
    assert "DNS records of example.org need a look" in text_of(client, "events:dashboard")


def test_what_amazon_refused_is_said_beside_what_was_seen_before(marketer: Client) -> None:
    look(error="Amazon refused GetEmailIdentity: AccessDenied")
    text = text_of(marketer)
    assert "Amazon did not tell" in text
    assert "AccessDenied" in text


def test_looking_again_is_asked_of_a_worker_and_waited_for(marketer: Client) -> None:
    look()
    assert deliverability.begin()
    response = marketer.post(reverse("events:deliverability_look"), follow=True)
    assert "A worker is at it already." in response.content.decode()
    assert 'hx-trigger="every 2s"' in text_of(marketer)
    waiting = marketer.get(reverse(PAGE), headers={"HX-Request": "true"})
    assert waiting.status_code == 204
    cache.delete(deliverability.KEY)
    text = text_of(marketer, **{"HX-Request": "true"})
    assert "<html" not in text
    assert "example.org" in text


def test_a_queue_that_is_away_is_said(marketer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> None:
        raise OperationalError("Redis is away")

    monkeypatch.setattr(periodic.look_at_domains, "delay", away)
    response = marketer.post(reverse("events:deliverability_look"), follow=True)
    assert "The queue cannot be reached." in response.content.decode()
    assert deliverability.begin(), "nobody looks, so the next try must not be told that somebody does"


def test_rates_of_a_campaign_by_day_and_provider(
    marketer: Client, django_assert_max_num_queries: Any
) -> None:
    assert "Nothing was sent in this time" in text_of(marketer, "events:deliverability_rates")
    campaign = finished().campaign
    with django_assert_max_num_queries(15):
        text = text_of(marketer, "events:deliverability_rates", "?days=90")
    assert campaign.name in text
    assert "5.45 %" in text
    assert 'value="90" selected' in text
    assert 'value="30" selected' in text_of(marketer, "events:deliverability_rates", "?days=nonsense")


def test_with_an_smtp_server_nothing_is_demanded_for_amazon(
    marketer: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    settings.SMTP_URL, settings.AWS_ENDPOINT_URLS = "smtp://mail.provider.example:587", {}
    settings.SMTP_RATE, settings.SMTP_PER_DAY = 7.0, 4_000
    installation.update(actor=None, sender_address="news@example.org", verified_identities=[])
    resolving(
        monkeypatch,
        {
            ("example.org", "TXT"): ["v=spf1 include:_spf.provider.example ~all"],
            ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=none"],
            ("example.org", "MX"): ["10 mail.example.org"],
        },
    )
    deliverability.look()
    with django_assert_max_num_queries(15):
        text = text_of(marketer)
    shown = text[text.index('id="deliverability"') :]
    for word in ("Amazon", "amazonses.com", "awstrack", "Not verified", "to mend", "Production access"):
        assert word not in shown, word
    assert "SMTP server</h2>" in shown
    assert "mail.provider.example, port 587" in shown
    assert "<dd>7 per second</dd>" in shown
    assert "DKIM of the provider" in shown
    assert "dkim=pass" in shown
    assert "Amazon&#x27;s list" not in text
    assert "include:" not in shown[shown.index("The record") :].split("</details>")[0]


def test_the_first_step_is_not_amazons_where_an_smtp_server_sends(client: Client, settings: Any) -> None:
    settings.SMTP_URL = "smtp://mail.provider.example:587"
    step = dashboard.dashboard(InstallationFactory.create(verified_identities=[])).steps[0]
    assert (step.title, step.is_done) == ("Name an SMTP server", True)
