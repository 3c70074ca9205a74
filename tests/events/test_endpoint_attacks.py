"""Everything a stranger, a broken sender or a careless administrator can post, at the endpoint itself.

Each case says what is answered and that nothing was stored; what is refused must have fetched nothing.
"""

import asyncio
import gzip
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from events import endpoint, verify
from events.models import Counter, DeadLetter, Event, InboundMessage, Outcome
from events.wiring import Topics
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.core.flood import BAD_POSTS
from subscribers.models import Suppression
from subscribers.services import erasure
from tests.factories.events import make_person, make_run, payload
from tests.fixtures.sns import chain as sns

pytestmark = pytest.mark.django_db(transaction=True)
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
REGIONS = {
    "eu-central-1": "sns.amazonaws.com",
    "eu-west-1": "sns.amazonaws.com",
    "eu-north-1": "sns.amazonaws.com",
    "eu-south-1": "sns-signing.eu-south-1.amazonaws.com",
    "eu-south-2": "sns-signing.eu-south-2.amazonaws.com",
    "eu-central-2": "sns-signing.eu-central-2.amazonaws.com",
}


class Site:
    """The endpoint with the production verifier; notes every address that it fetches."""

    def __init__(self, chain: sns.Chain, topic: str = sns.TOPIC) -> None:
        self.fetched: list[str] = []
        self.chain = chain
        installation.update(actor=None, topic_arns=[topic])
        topics = Topics()
        verifier = verify.Verifier(
            topics=topics, fetch=self._fetch, anchors=lambda: [chain.root], now=clock.now
        )
        self.endpoint = endpoint.Endpoint(verifier, topics)

    def _fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.chain.fetch(url)

    def post(self, body: bytes, *, headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": endpoint.PATH, "headers": headers or [],
            "client": ("192.0.2.7", 1),
        }  # fmt: skip
        asyncio.run(self.endpoint.handle(scope, receive, send))
        return sent[0]["status"], sent[1]["body"]


@pytest.fixture(scope="module")
def chain() -> sns.Chain:
    return sns.make_chain()


@pytest.fixture
def site(chain: sns.Chain, month: None) -> Iterator[Site]:
    made = Site(chain)
    yield made
    made.endpoint.writer.stop()


def bounce() -> str:
    return orjson.dumps(payload("Bounce", make_run(), make_person())).decode()


def body_of(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields)


def nothing_happened() -> bool:
    return not any(model.objects.exists() for model in (InboundMessage, Event, Outcome, Counter, DeadLetter))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns-eu-central-1.s3.amazonaws.com/SimpleNotificationService-" + "0" * 32 + ".pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-" + "0" * 32 + ".pem",
        METADATA,
    ],
)
def test_certificate_from_elsewhere(site: Site, url: str) -> None:
    message = sns.notification(site.chain, bounce(), at=clock.now(), certificate_url=url)
    assert site.post(body_of(message))[0] == 403
    assert site.fetched == []
    assert nothing_happened()


def test_certificate_with_the_wrong_name(site: Site) -> None:
    site.chain = sns.make_chain("sns.evil.example")
    assert site.post(body_of(sns.notification(site.chain, bounce(), at=clock.now())))[0] == 403
    assert nothing_happened()


def test_expired_certificate(site: Site) -> None:
    site.chain = sns.make_chain(end=clock.now() - timedelta(seconds=1))
    assert site.post(body_of(sns.notification(site.chain, bounce(), at=clock.now())))[0] == 403
    assert nothing_happened()


def test_replayed_after_the_accepted_age(site: Site) -> None:
    old = sns.notification(site.chain, bounce(), at=clock.now() - timedelta(days=16))
    assert site.post(body_of(old))[0] == 403
    assert nothing_happened()


def test_replayed_within_the_accepted_age_counts_once(site: Site) -> None:
    message = body_of(sns.notification(site.chain, bounce(), at=clock.now()))
    assert [site.post(message)[0] for _ in range(3)] == [200, 200, 200]
    assert Event.objects.count() == 1


def test_foreign_topic_though_signed_by_amazon(site: Site) -> None:
    topic = "arn:aws:sns:eu-central-1:999999999999:mailplatform-events"
    assert site.post(body_of(sns.notification(site.chain, bounce(), at=clock.now(), topic=topic)))[0] == 403
    assert site.fetched == []
    assert nothing_happened()


def test_signature_version_3(site: Site) -> None:
    message = sns.notification(site.chain, bounce(), at=clock.now()) | {"SignatureVersion": "3"}
    assert site.post(body_of(message))[0] == 400
    assert nothing_happened()


def test_raw_delivery_has_no_signature(site: Site) -> None:
    headers = [(b"x-amz-sns-rawdelivery", b"true"), (b"x-amz-sns-topic-arn", sns.TOPIC.encode())]
    assert site.post(bounce().encode(), headers=headers)[0] == 400
    assert nothing_happened()


@pytest.mark.parametrize("is_signed_so", [True, False])
def test_subscribe_url_is_never_fetched(site: Site, is_signed_so: bool, settings: Any) -> None:
    """SubscribeURL names the metadata service: changed after signing it is refused; signed so it is not looked at."""
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:1", "sns": "http://127.0.0.1:1"}
    message = sns.confirmation(site.chain, at=clock.now())
    if is_signed_so:
        message = sns.confirmation(site.chain, at=clock.now(), subscribe_url=METADATA)
    else:
        message["SubscribeURL"] = METADATA
    assert site.post(body_of(message))[0] == (503 if is_signed_so else 403)
    assert all(METADATA not in url for url in site.fetched)
    assert nothing_happened()


def test_certificate_host_answers_later(site: Site, time_machine: Any) -> None:
    """503 while the certificate cannot be fetched; half a minute later it is tried again, not failed for ever."""
    time_machine.move_to(clock.now())
    good, site.chain = site.chain, sns.make_chain()
    message = body_of(sns.notification(good, bounce(), at=clock.now()))
    site.chain.fetch = _unreachable  # type: ignore[method-assign]
    assert site.post(message)[0] == 503
    assert site.post(message)[0] == 503
    site.chain = good
    time_machine.shift(31)
    assert site.post(message)[0] == 200


def _unreachable(url: str) -> bytes:
    raise OSError(url)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * (256 * 1024 + 1), 413),
        (b"x" * (256 * 1024), 400),
        (gzip.compress(b'{"Type":"Notification"}'), 400),
        (b"\xff\xfe\xfa" * 20, 400),
        (b"hello", 400),
        (b"", 400),
        (b'{"Type":"Notification","Message":"' + b"\xc3\x28" + b'"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, 400),
        (b'{"Type":{"$ne":null}}', 400),
        (b"Type=Notification&Message=x", 400),
    ],
    ids=["too large", "as large as allowed", "gzip", "not utf-8", "plain text", "empty", "bad utf-8 inside",
         "deep list", "deep object", "operator", "form"],
)  # fmt: skip
def test_what_is_no_message(site: Site, body: bytes, status: int) -> None:
    answer, text = site.post(body)
    assert answer == status
    assert body[:20] not in text or not body
    assert nothing_happened()


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"application/x-www-form-urlencoded", b"image/png", b""]
)
def test_content_type_does_not_matter(site: Site, content_type: bytes) -> None:
    message = body_of(sns.notification(site.chain, bounce(), at=clock.now()))
    assert site.post(message, headers=[(b"content-type", content_type)])[0] == 200


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Successfully validated SNS topic for Amazon SES event publishing.", 0),
        ("hello", 1),
        (
            '{"AlarmName":"Bounces","NewStateValue":"ALARM","Trigger":{"MetricName":"Reputation.BounceRate"}}',
            1,
        ),
        ("[" * 100_000, 1),
        ('{"eventType":"Bounce","mail":' * 3_000 + "1" + "}" * 3_000, 1),
        ("\ud7ff\u0000x", 1),
    ],
    ids=["validation", "text", "alarm", "deep", "nested mail", "strange"],
)
def test_genuine_and_no_event(site: Site, text: str, letters: int) -> None:
    assert site.post(body_of(sns.notification(site.chain, text, at=clock.now())))[0] == 200
    assert DeadLetter.objects.count() == letters
    assert not Event.objects.exists()


def test_genuine_message_of_256_kb(site: Site) -> None:
    event = payload("Bounce", make_run(), make_person())
    event["mail"]["headers"] = [{"name": "X-Long", "value": "x" * 255_000}]
    message = body_of(sns.notification(site.chain, orjson.dumps(event).decode(), at=clock.now()))
    assert site.post(message)[0] == 200
    assert Event.objects.count() == 1


def test_event_from_the_future_waits_in_the_dead_letters(site: Site) -> None:
    event = payload("Delivery", make_run(), make_person(), at=clock.now() + timedelta(days=400))
    assert (
        site.post(body_of(sns.notification(site.chain, orjson.dumps(event).decode(), at=clock.now())))[0]
        == 200
    )
    assert DeadLetter.objects.get().reason == "the event lies in the future"


def test_message_from_the_future_is_asked_for_again(site: Site) -> None:
    ahead = sns.notification(site.chain, bounce(), at=clock.now() + timedelta(hours=1))
    assert site.post(body_of(ahead))[0] == 503
    assert nothing_happened()


def test_event_of_a_campaign_that_is_not_there_is_kept_and_suppresses(site: Site) -> None:
    event = payload("Bounce", make_run(), make_person())
    event["mail"]["tags"]["mp-run"] = ["4711"]
    assert (
        site.post(body_of(sns.notification(site.chain, orjson.dumps(event).decode(), at=clock.now())))[0]
        == 200
    )
    assert (Event.objects.get().run_id, Suppression.objects.get().reason) == (4711, "bounce")


def test_event_of_an_erased_person_names_nobody(site: Site) -> None:
    run, person = make_run(), make_person()
    event = orjson.dumps(payload("Delivery", run, person)).decode()
    erasure.erase(subscriber_id=person.pk, actor=None, source="test")
    assert site.post(body_of(sns.notification(site.chain, event, at=clock.now())))[0] == 200
    assert Event.objects.get(type="delivery").subscriber_id is None


def test_event_of_another_installation_is_a_number(site: Site) -> None:
    event = payload("Bounce", make_run(), make_person())
    event["mail"]["tags"]["mp-epoch"] = ["0" * 32 + "-1"]
    assert (
        site.post(body_of(sns.notification(site.chain, orjson.dumps(event).decode(), at=clock.now())))[0]
        == 200
    )
    assert not Event.objects.exists()
    assert Counter.objects.get().type == "foreign"


@pytest.mark.parametrize("region", REGIONS)
def test_every_region_signs_with_its_own_name(region: str) -> None:
    """A chain of our own for each name; the name of another Region is refused."""
    topic = sns.TOPIC.replace("eu-central-1", region)
    url = sns.CERTIFICATE_URL.replace("eu-central-1", region)
    right = Site(sns.make_chain(REGIONS[region]), topic)
    signed = sns.notification(right.chain, "{}", at=clock.now(), topic=topic, certificate_url=url)
    assert right.post(body_of(signed))[0] == 200
    right.endpoint.writer.stop()
    others = {"sns.amazonaws.com", "sns-signing.eu-south-1.amazonaws.com"} - {REGIONS[region]}
    wrong = Site(sns.make_chain(min(others)), topic)
    signed = sns.notification(wrong.chain, "{}", at=clock.now(), topic=topic, certificate_url=url)
    assert wrong.post(body_of(signed))[0] == 403


def test_flood_of_nonsense_is_not_even_read(site: Site) -> None:
    assert {site.post(b"nonsense")[0] for _ in range(BAD_POSTS)} == {400}
    assert site.post(b"nonsense")[0] == 503
    genuine = body_of(sns.notification(site.chain, bounce(), at=clock.now()))
    assert site.post(genuine)[0] == 503


def test_nothing_of_the_request_comes_back(site: Site) -> None:
    mark = "<script>alert(4711)</script>"
    for body in (
        mark,
        orjson.dumps({"Type": mark}).decode(),
        orjson.dumps({"Type": "Notification", mark: mark}).decode(),
    ):
        assert b"4711" not in site.post(body.encode())[1]
