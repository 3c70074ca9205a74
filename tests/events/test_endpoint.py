"""The raw endpoint: what is believed, stored and answered."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.db import connection
from django.db.models import Sum

from events import endpoint, verify
from events.models import Counter, DeadLetter, Event, Heartbeat, InboundMessage
from events.wiring import Topics
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from tests.factories.events import make_person, make_run, payload
from tests.fixtures.sns import chain as sns

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def chain() -> sns.Chain:
    return sns.make_chain()


@pytest.fixture
def site(chain: sns.Chain, month: None) -> Iterator[endpoint.Endpoint]:
    """The endpoint with the production verifier, our own chain and our own topic."""
    installation.update(actor=None, topic_arns=[sns.TOPIC])
    topics = Topics()
    verifier = verify.Verifier(topics=topics, fetch=chain.fetch, anchors=lambda: [chain.root], now=clock.now)
    made = endpoint.Endpoint(verifier, topics)
    yield made
    made.writer.stop()


def post(
    site: endpoint.Endpoint, *bodies: bytes, method: str = "POST", chunk: int = 1 << 20
) -> list[tuple[int, bytes]]:
    """Send bodies at the same time and return status and text of each answer."""

    async def one(body: bytes) -> tuple[int, bytes]:
        parts = [body[n : n + chunk] for n in range(0, len(body), chunk)] or [b""]
        waiting = [
            {"type": "http.request", "body": p, "more_body": n + 1 < len(parts)} for n, p in enumerate(parts)
        ]
        sent: list[Any] = []

        async def receive() -> Any:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        await site.handle(
            {"type": "http", "method": method, "path": endpoint.PATH, "headers": []}, receive, send
        )
        return sent[0]["status"], sent[1]["body"]

    async def everyone() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(one(body) for body in bodies))

    return asyncio.run(everyone())


def signed(chain: sns.Chain, data: Any, **more: Any) -> bytes:
    text = data if isinstance(data, str) else orjson.dumps(data).decode()
    return orjson.dumps(sns.notification(chain, text, at=clock.now(), **more))


def test_signed_event_is_stored_before_the_answer(site: endpoint.Endpoint, chain: sns.Chain) -> None:
    run, person = make_run(), make_person()
    assert post(site, signed(chain, payload("Delivery", run, person))) == [(200, b"")]
    assert Event.objects.get().subscriber_id == person.pk


def test_posts_at_the_same_time_share_transactions_and_all_count(
    site: endpoint.Endpoint, chain: sns.Chain
) -> None:
    run = make_run()
    bodies = [signed(chain, payload("Delivery", run, make_person())) for _ in range(40)]
    assert {status for status, _ in post(site, *bodies)} == {200}
    assert sum(Counter.objects.filter(run_id=run.pk, type="delivery").values_list("people", flat=True)) == 40
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM events_event")
        row = cursor.fetchone()
    assert row is not None
    assert row[0] < 40


def test_same_message_again_is_answered_200_and_counts_once(
    site: endpoint.Endpoint, chain: sns.Chain
) -> None:
    run, person = make_run(), make_person()
    body = signed(chain, payload("Delivery", run, person))
    assert [status for status, _ in post(site, body, body, body)] == [200] * 3
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Message": "{}"}, 403),
        ({"TopicArn": "arn:aws:sns:eu-central-1:999999999999:strange"}, 403),
        (
            {
                "SigningCertURL": "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-"
                + "0" * 32
                + ".pem"
            },
            403,
        ),
        ({"Signature": "AAAA"}, 403),
        ({"Type": "Nonsense"}, 400),
        ({"SignatureVersion": "9"}, 400),
    ],
)
def test_what_is_not_to_be_believed_changes_nothing(
    site: endpoint.Endpoint, chain: sns.Chain, change: dict[str, str], status: int
) -> None:
    run, person = make_run(), make_person()
    fields = orjson.loads(signed(chain, payload("Bounce", run, person))) | change
    ((answer, text),) = post(site, orjson.dumps(fields))
    assert answer == status
    assert not InboundMessage.objects.exists()
    assert not Event.objects.exists()
    for value in change.values():
        assert value.encode() not in text


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"\xff\xfe\x00", b'{"a":'])
def test_what_is_not_json_is_a_bad_request(site: endpoint.Endpoint, body: bytes) -> None:
    assert post(site, body)[0][0] == 400


@pytest.mark.parametrize("chunk", [1 << 20, 1 << 14])
def test_body_of_300_kb_is_too_large(site: endpoint.Endpoint, chunk: int) -> None:
    assert post(site, b"x" * 300_000, chunk=chunk)[0][0] == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_answered(site: endpoint.Endpoint, method: str) -> None:
    assert post(site, b"", method=method)[0][0] == 405


def test_plain_text_validation_message_is_taken_in(site: endpoint.Endpoint, chain: sns.Chain) -> None:
    body = signed(chain, "Successfully validated SNS topic for Amazon SES event publishing.")
    assert post(site, body)[0][0] == 200
    assert not DeadLetter.objects.exists()


def test_genuine_nonsense_is_kept_and_answered(site: endpoint.Endpoint, chain: sns.Chain) -> None:
    assert post(site, signed(chain, "nonsense"))[0][0] == 200
    assert DeadLetter.objects.get().reason == "not JSON"


def test_topic_made_a_moment_ago_is_believed(
    site: endpoint.Endpoint, chain: sns.Chain, time_machine: Any
) -> None:
    time_machine.move_to(clock.now())
    run, person = make_run(), make_person()
    post(site, signed(chain, payload("Delivery", run, person)))
    fresh = "arn:aws:sns:eu-central-1:111122223333:fresh"
    time_machine.shift(2)
    installation.update(actor=None, topic_arns=[sns.TOPIC, fresh])
    body = signed(chain, payload("Delivery", run, make_person()), topic=fresh)
    assert post(site, body)[0][0] == 200


def test_topic_made_since_the_last_look_is_asked_for_once_more(
    site: endpoint.Endpoint, chain: sns.Chain
) -> None:
    """An apply subscribes right after it wrote its topic down; events of other topics may have been read in between."""
    fresh, other = (f"arn:aws:sns:eu-central-1:111122223333:{name}" for name in ("fresh", "other"))
    asked = {
        topic: orjson.dumps(sns.confirmation(chain, at=clock.now(), topic=topic)) for topic in (fresh, other)
    }
    post(site, signed(chain, "nonsense"))
    installation.update(actor=None, topic_arns=[sns.TOPIC, fresh])
    assert asyncio.run(site._verify(asked[fresh])).topic_arn == fresh
    with pytest.raises(verify.Refused):
        asyncio.run(site._verify(asked[other]))


def test_database_down_means_send_again(site: endpoint.Endpoint, chain: sns.Chain) -> None:
    run, person = make_run(), make_person()
    body = signed(chain, payload("Delivery", run, person))
    post(site, signed(chain, payload("Send", run, person)))
    settings = connection.settings_dict
    good = settings["HOST"], settings["PORT"]
    site.writer.stop()
    settings["HOST"], settings["PORT"] = "127.0.0.1", "1"
    try:
        assert post(site, body)[0][0] == 503
    finally:
        settings["HOST"], settings["PORT"] = good
    assert post(site, body)[0][0] == 200
    assert Event.objects.filter(type="delivery").count() == 1


def test_unreachable_certificate_means_send_again(chain: sns.Chain) -> None:
    installation.update(actor=None, topic_arns=[sns.TOPIC])

    def fetch(url: str) -> bytes:
        raise OSError(url)

    topics = Topics()
    verifier = verify.Verifier(topics=topics, fetch=fetch, anchors=list, now=clock.now)
    site = endpoint.Endpoint(verifier, topics)
    assert post(site, signed(chain, "x"))[0][0] == 503
    site.writer.stop()


def test_mount_leaves_other_paths_to_django() -> None:
    seen = []

    async def django(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    application = endpoint.mount(django)

    async def nothing() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        seen.append(message["type"])

    async def ask() -> None:
        await application({"type": "http", "path": "/", "method": "GET", "headers": []}, nothing, send)

    asyncio.run(ask())
    assert seen == ["/"]


def test_lifespan_starts_and_ends_the_writer(site: endpoint.Endpoint) -> None:
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(site.live(receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_heartbeat_counts_believed_and_refused(site: endpoint.Endpoint, chain: sns.Chain) -> None:
    run = make_run()
    post(site, b"no", b"no", *[signed(chain, payload("Delivery", run, make_person())) for _ in range(3)])
    site.writer.stop()
    told = Heartbeat.objects.aggregate(accepted=Sum("accepted"), refused=Sum("refused"))
    assert told == {"accepted": 3, "refused": 2}


def test_body_that_trickles_in_is_not_waited_for(
    site: endpoint.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.01)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": endpoint.PATH, "headers": []}
    asyncio.run(site.handle(scope, receive, send))
    assert sent[0]["status"] == 408
