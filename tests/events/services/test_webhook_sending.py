"""Webhooks from event to receiver: once per event, at least once, signed, retried, switched off, played again."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from events import ingest
from events.models import WebhookDelivery, WebhookEndpoint, WebhookState, WebhookType
from events.services import classifying, webhook_sending, webhooks
from events.webhooks import schedule
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from mailplatform.sandbox.constants import ACCOUNT_ID
from subscribers.models import Profile
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_site
from tests.factories.events import inbound, make_person, make_run, payload
from tests.factories.receiver import Receiver, receiver

pytestmark = pytest.mark.django_db
PLAIN = [WebhookType.DELIVERED, WebhookType.BOUNCED, WebhookType.CLICKED, WebhookType.OPENED]


@pytest.fixture
def server(settings: Any) -> Iterator[Receiver]:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9", "sns": "http://127.0.0.1:9"}
    make_site(account_id=ACCOUNT_ID)
    with receiver() as found:
        yield found


@pytest.fixture
def endpoint(server: Receiver) -> WebhookEndpoint:
    return webhooks.create(url=server.url, types=[kind.value for kind in PLAIN], actor=AdminFactory.create())


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def told(server: Receiver) -> list[dict[str, Any]]:
    return [orjson.loads(post.body) for post in server.posts]


def test_each_event_of_a_chosen_type_arrives_once_and_signed(
    endpoint: WebhookEndpoint, server: Receiver
) -> None:
    run, person = make_run(), make_person()
    delivered = payload("Delivery", run, person)
    take(payload("Send", run, person), delivered, delivered)
    assert webhook_sending.collect() == 1
    assert webhook_sending.collect() == 0
    assert webhook_sending.send_due() == 1
    assert webhook_sending.send_due() == 0
    (post,) = server.posts
    message = orjson.loads(post.body)
    assert message["type"] == "mail.delivered"
    assert message["data"] == {
        "campaign": {"id": str(run.campaign.public_id), "name": run.campaign.name},
        "run": 1,
        "subscriber": {"id": str(person.public_id)},
        "message_id": f"m-{run.pk}-{person.pk}",
    }
    assert person.email not in post.body.decode()
    key = base64.b64decode(webhooks.secret_of(endpoint).removeprefix("whsec_"))
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"
    row = WebhookDelivery.objects.get()
    assert (row.state, row.status, row.attempts) == (WebhookState.DELIVERED, 204, 1)


def test_what_happened_before_the_endpoint_was_made_is_not_told(server: Receiver) -> None:
    take(payload("Delivery", make_run(), make_person()))
    webhooks.create(url=server.url, types=["mail.delivered"])
    assert webhook_sending.collect() == 0


def test_failure_is_tried_again_with_the_same_id(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any
) -> None:
    start = clock.now()
    time_machine.move_to(start, tick=False)
    take(payload("Delivery", make_run(), make_person()))
    server.answers += [500, (503, {"Retry-After": "300"})]
    webhook_sending.collect()
    assert webhook_sending.send_due() == 1
    endpoint.refresh_from_db()
    assert endpoint.failing_since == start
    assert webhook_sending.send_due() == 0
    time_machine.move_to(start + timedelta(seconds=6), tick=False)
    assert webhook_sending.send_due() == 1
    time_machine.move_to(start + timedelta(seconds=200), tick=False)
    assert webhook_sending.send_due() == 0
    time_machine.move_to(start + timedelta(seconds=310), tick=False)
    assert webhook_sending.send_due() == 1
    assert len({post.headers["webhook-id"] for post in server.posts}) == 1
    assert len(server.posts) == 3
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


def test_worker_killed_before_it_wrote_down_the_answer_sends_again_after_the_lease(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any, monkeypatch: Any
) -> None:
    start = clock.now()
    time_machine.move_to(start, tick=False)
    take(payload("Delivery", make_run(), make_person()))
    webhook_sending.collect()
    with monkeypatch.context() as killed:
        killed.setattr(webhook_sending, "_record", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            webhook_sending.send_due()
    assert webhook_sending.send_due() == 0
    time_machine.move_to(start + timedelta(minutes=6), tick=False)
    assert webhook_sending.send_due() == 1
    assert len(server.posts) == 2
    assert server.posts[0].headers["webhook-id"] == server.posts[1].headers["webhook-id"]


def test_dead_endpoint_is_switched_off_after_a_day_said_so_and_loses_nothing(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any, mailoutbox: list[Any]
) -> None:
    at = clock.now()
    time_machine.move_to(at, tick=False)
    take(payload("Delivery", make_run(), make_person()))
    webhook_sending.collect()
    server.answers += [500] * 50
    for _ in range(schedule.TRIES):
        webhook_sending.send_due()
        at += timedelta(hours=9)
        time_machine.move_to(at, tick=False)
    endpoint.refresh_from_db()
    assert not endpoint.is_active
    assert "No message got through since" in endpoint.disabled_because
    assert WebhookDelivery.objects.get().state == WebhookState.FAILED
    assert webhook_sending.tell_disabled() == 1
    assert webhook_sending.tell_disabled() == 0
    assert "switched off" in mailoutbox[0].subject
    assert AuditEntry.objects.filter(action="webhook.disabled").exists()
    server.answers.clear()
    webhooks.update(endpoint=endpoint, url=endpoint.url, types=endpoint.types, is_active=True)
    assert webhooks.replay(endpoint=endpoint) == 1
    assert webhook_sending.send_due() == 1
    assert WebhookDelivery.objects.get().state == WebhookState.DELIVERED


def test_answer_410_switches_off_at_once(endpoint: WebhookEndpoint, server: Receiver) -> None:
    server.answers.append(410)
    webhooks.send_test(endpoint=endpoint)
    webhook_sending.send_due()
    endpoint.refresh_from_db()
    assert not endpoint.is_active


def test_one_failing_endpoint_does_not_keep_others_waiting(
    endpoint: WebhookEndpoint, server: Receiver
) -> None:
    with receiver() as dead:
        dead.answers += [500] * 100
        webhooks.create(url=dead.url, types=["mail.delivered"])
        run = make_run()
        take(*[payload("Delivery", run, make_person()) for _ in range(40)])
        webhook_sending.collect()
        webhook_sending.send_due()
        assert len(server.posts) == 40
        assert len(dead.posts) <= webhook_sending.AT_ONCE
    postponed = WebhookDelivery.objects.exclude(endpoint=endpoint).filter(attempts=0)
    assert postponed.count() == 40 - len(dead.posts)


def test_opens_and_clicks_wait_for_the_judgement_on_machines(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any
) -> None:
    start = clock.now() + timedelta(seconds=5)
    time_machine.move_to(start, tick=False)
    run, reader, scanner = make_run(), make_person(clicks=True), make_person(clicks=True)
    take(payload("Click", run, reader, at=start, link="https://shop.example/a"))
    take(*[payload("Click", run, scanner, at=start, link=f"https://shop.example/{n}") for n in range(3)])
    assert webhook_sending.collect() == 0
    time_machine.move_to(start + timedelta(minutes=2), tick=False)
    classifying.classify_machines()
    assert webhook_sending.collect() == 1
    webhook_sending.send_due()
    assert told(server)[0]["data"]["link"] == "https://shop.example/a"
    assert told(server)[0]["data"]["subscriber"] == {"id": str(reader.public_id)}


def test_click_of_somebody_who_withdrew_meanwhile_is_not_told(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any
) -> None:
    start = clock.now() + timedelta(seconds=5)
    time_machine.move_to(start, tick=False)
    person = make_person(clicks=True)
    take(payload("Click", make_run(), person, at=start, link="https://shop.example/a"))
    time_machine.move_to(start + timedelta(minutes=2), tick=False)
    classifying.classify_machines()
    webhook_sending.collect()
    Profile.objects.filter(pk=person.pk).update(clicks_allowed=False)
    webhook_sending.send_due()
    assert server.posts == []
    assert WebhookDelivery.objects.get().state == WebhookState.DROPPED


def test_bounce_says_why_in_words(endpoint: WebhookEndpoint, server: Receiver) -> None:
    take(payload("Bounce", make_run(), make_person(), bounceSubType="Suppressed"))
    webhook_sending.collect()
    webhook_sending.send_due()
    reason = told(server)[0]["data"]["reason"]
    assert reason == {
        "type": "Permanent",
        "detail": "Suppressed",
        "text": "Amazon had seen this address bounce before",
    }


def test_both_secrets_sign_for_a_day_after_a_rotation(
    endpoint: WebhookEndpoint, server: Receiver, time_machine: Any
) -> None:
    start = clock.now()
    time_machine.move_to(start, tick=False)
    old = webhooks.secret_of(endpoint)
    endpoint = webhooks.rotate(endpoint=endpoint)
    assert webhooks.signers_of(endpoint) == [webhooks.secret_of(endpoint), old]
    webhooks.send_test(endpoint=endpoint)
    webhook_sending.send_due()
    assert len(server.posts[0].headers["webhook-signature"].split()) == 2
    time_machine.move_to(start + timedelta(hours=25), tick=False)
    assert len(webhooks.signers_of(endpoint)) == 1


def test_log_is_forgotten_after_a_month(endpoint: WebhookEndpoint, time_machine: Any) -> None:
    webhooks.send_test(endpoint=endpoint)
    webhook_sending.send_due()
    assert webhook_sending.forget_old() == 0
    time_machine.move_to(clock.now() + timedelta(days=31))
    assert webhook_sending.forget_old() == 1


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/", "http://shop.example/", "https://169.254.169.254/", "nonsense"]
)
def test_endpoint_in_our_own_network_cannot_be_made(server: Receiver, url: str) -> None:
    with pytest.raises(webhooks.BadEndpoint):
        webhooks.create(url=url, types=["mail.delivered"])


def test_loopback_is_refused_away_from_the_sandbox() -> None:
    with pytest.raises(webhooks.BadEndpoint):
        webhooks.create(url="https://127.0.0.1/", types=["mail.delivered"])


@pytest.mark.parametrize("types", [[], ["mail.nonsense"]])
def test_types_must_be_known(server: Receiver, types: list[str]) -> None:
    with pytest.raises(webhooks.BadEndpoint):
        webhooks.create(url=server.url, types=types)
