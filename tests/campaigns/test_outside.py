"""A look from outside: dead links and missing policies are named in the review, and nothing waits for it."""

import socket
from collections.abc import Iterator
from typing import Any

import dns.resolver
import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from campaigns import outside, tasks
from campaigns.models import Campaign, Template
from campaigns.selectors.reading import Reading
from campaigns.services import outside_checks, preflight, template_languages
from mailplatform.accounts.services import installation
from mailplatform.core.outbound import transport
from tests.factories.campaigns import HTML, make_ready_campaign, make_template, make_user
from tests.factories.receiver import receiver

pytestmark = pytest.mark.django_db
SENDER_DOMAIN = "shop.example"


@pytest.fixture(autouse=True)
def _https(settings: Any) -> Iterator[None]:
    settings.PUBLIC_URL = "https://mail.example.com"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def sandbox_account(settings: Any) -> None:
    services = ("sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events", "scheduler")
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(services, "http://127.0.0.1:9")


def campaign_with(*urls: str) -> Campaign:
    body = "".join(f'<p><a href="{url}">Read more of it here</a></p>' for url in urls)
    campaign = make_ready_campaign()
    campaign.template = make_template(html=HTML.replace("</body>", f"{body}</body>"))
    campaign.save()
    return campaign


def asked_for(ids: list[int]) -> Any:
    """Stand for the broker: remember which campaign a worker is asked to look at."""

    def delay(*, campaign_id: int) -> None:
        ids.append(campaign_id)

    return delay


def found(campaign: Campaign) -> set[str]:
    return {item.code for item in preflight.check(campaign).items}


def resolving(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    """Put words into the mouth of DNS, the edge of what is ours."""

    def resolve(name: str, *_: Any, **__: Any) -> Any:
        answer = answers.get(name, dns.resolver.NXDOMAIN)
        if isinstance(answer, type):
            raise answer
        return [type("Row", (), {"strings": [answer]})()]

    monkeypatch.setattr(dns.resolver, "resolve", resolve)


def test_links_are_those_that_are_the_same_for_everybody() -> None:
    campaign = campaign_with(
        "https://shop.example/a?x=1&amp;y=2",
        "https://shop.example/{{name}}",
        "http://old.example/",
        "mailto:a@b.example",
    )
    campaign.variables = {"hero": "https://shop.example/hero", "words": "see https://not.example"}
    assert outside.links_of(campaign)[-2:] == ["https://shop.example/a?x=1&y=2", "https://shop.example/hero"]


def test_links_of_every_language_are_looked_at() -> None:
    campaign = campaign_with()
    assert campaign.template is not None
    german = template_languages.add(template=campaign.template, language="de", actor=None)
    Template.objects.filter(pk=german.pk).update(html='<a href="https://shop.example/de">Laden</a>')
    assert "https://shop.example/de" in outside.links_of(campaign)


def test_dead_link_is_named_in_the_review(sandbox_account: None) -> None:
    campaign = campaign_with("https://127.0.0.1:1/gone")
    assert "dead_link" not in found(campaign)
    tasks.look_outside(campaign_id=campaign.pk)
    dead = [item.message for item in preflight.check(campaign).items if item.code == "dead_link"]
    assert dead == [
        "“https://127.0.0.1:1/gone” did not answer as it should: The server refused the connection."
    ]


def test_nothing_leaves_the_machine_of_a_trial(sandbox_account: None) -> None:
    campaign = campaign_with("https://shop.example/gone")
    outside.look(campaign)
    assert outside.dead_links(campaign) == []


@pytest.mark.parametrize(
    ("status", "is_dead"), [(200, False), (301, False), (403, False), (404, True), (410, True), (503, True)]
)
def test_what_counts_as_an_answer(status: int, is_dead: bool) -> None:
    assert bool(outside.words_of(transport.Answer(status, 1, "words"))) is is_dead


def test_link_into_our_own_network_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = campaign_with("https://intranet.example/secret")
    resolving(monkeypatch, {})
    known = socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        return (
            [(0, 0, 0, "", ("10.0.0.7", 443))] if host == "intranet.example" else known(host, *rest, **more)
        )

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    outside.look(campaign)
    assert (
        dict(outside.dead_links(campaign))["https://intranet.example/secret"]
        == "The host is not a public one."
    )


@pytest.mark.parametrize(
    ("answers", "is_missing"),
    [
        ({}, True),
        ({f"_dmarc.{SENDER_DOMAIN}": b"v=DMARC1; p=reject"}, False),
        ({f"_dmarc.{SENDER_DOMAIN}": b"something else"}, True),
        ({f"_dmarc.{SENDER_DOMAIN}": dns.resolver.NoNameservers}, False),
    ],
)
def test_missing_policy_of_the_domain(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], is_missing: bool
) -> None:
    campaign = campaign_with()
    assert campaign.sender is not None
    campaign.sender.address = f"news@{SENDER_DOMAIN}"
    campaign.sender.save()
    resolving(monkeypatch, answers)
    outside.look(campaign)
    assert outside.has_no_dmarc(campaign.sender.address) is is_missing
    installation.update(actor=None, verified_identities=[SENDER_DOMAIN])
    assert ("no_dmarc" in found(campaign)) is is_missing


def test_policy_of_the_domain_above_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = campaign_with()
    assert campaign.sender is not None
    campaign.sender.address = f"news@mail.{SENDER_DOMAIN}"
    resolving(monkeypatch, {f"_dmarc.{SENDER_DOMAIN}": b"v=DMARC1; p=none"})
    outside.look(campaign)
    assert not outside.has_no_dmarc(campaign.sender.address)


def test_a_look_is_asked_for_once_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign, asked = campaign_with(), list[int]()
    monkeypatch.setattr(tasks.look_outside, "delay", asked_for(asked))
    assert outside_checks.ask(Reading(campaign))
    assert outside_checks.ask(Reading(campaign))
    assert asked == [campaign.pk]
    resolving(monkeypatch, {})
    outside.look(campaign)
    assert not outside_checks.ask(Reading(campaign))
    assert asked == [campaign.pk]


def test_nothing_is_said_where_the_cache_is_away() -> None:
    campaign = campaign_with("https://shop.example/gone")
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
    with override_settings(CACHES={"default": away}):
        assert outside.dead_links(campaign) == []
        assert not outside_checks.ask(Reading(campaign))
        outside.look(make_ready_campaign())


def test_address_alone_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = campaign_with()
    assert campaign.sender is not None
    assert "no_dkim" not in found(campaign)
    installation.update(actor=None, verified_identities=[campaign.sender.address])
    assert "no_dkim" in found(campaign)


def test_review_asks_again_while_a_worker_looks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = campaign_with("https://shop.example/gone")
    client.force_login(make_user())
    monkeypatch.setattr(tasks.look_outside, "delay", asked_for([]))
    address = reverse("campaigns:campaign_step", args=[campaign.public_id, "review"])
    assert 'hx-trigger="every 3s"' in client.get(address).content.decode()
    asking = {"HX-Request": "true"}
    assert client.get(address, headers=asking).status_code == 204
    cache.clear()
    found = client.get(address, headers=asking).content.decode()
    assert 'id="checks"' in found
    assert "every 3s" not in found


def test_server_that_knows_no_head_is_asked_once_more() -> None:
    with receiver() as there:
        answer = transport.look(there.url, {}, allow_loopback=True)
    assert answer.status == 501
