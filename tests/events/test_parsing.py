"""Both JSON shapes of SES, unknown values and broken ones."""

import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import parsing
from events.kinds import Kind

SHARED = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "ses-events"
NOW = datetime(2026, 10, 1, tzinfo=UTC)
MAIL = {"timestamp": "2026-10-01T10:00:00.000Z", "messageId": "m-1", "destination": ["A@Example.com"]}
KINDS = {
    "Bounce": Kind.BOUNCE,
    "Click": Kind.CLICK,
    "Complaint": Kind.COMPLAINT,
    "Delivery": Kind.DELIVERY,
    "DeliveryDelay": Kind.DELAY,
    "Open": Kind.OPEN,
    "Reject": Kind.REJECT,
    "RenderingFailure": Kind.RENDERING_FAILURE,
    "Send": Kind.SEND,
    "Subscription": Kind.SUBSCRIPTION,
}
needs_examples = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"no example payloads of SES at {SHARED} (set SHARED_DATA)"
)


def parse(**data: object) -> tuple[parsing.ParsedEvent, ...]:
    return parsing.parse(orjson.dumps({"mail": MAIL, **data}).decode(), fallback_time=NOW)


@needs_examples
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_of_the_documentation_is_read(path: Path) -> None:
    events = parsing.parse(path.read_text(), fallback_time=NOW)
    name = path.stem.rsplit("_", 1)[-1]
    expected = {Kind.BOUNCE, Kind.SOFT_BOUNCE} if name == "Bounce" else {KINDS[name]}
    assert {event.kind for event in events} <= expected
    assert all(event.recipient and event.message_id and event.occurred_at < NOW for event in events)
    assert all(event.is_legacy == path.stem.startswith("legacy") for event in events)


def test_validation_message_in_plain_text_is_no_event() -> None:
    with pytest.raises(parsing.NotAnEvent):
        parsing.parse("Successfully validated SNS topic for Amazon SES event publishing.", fallback_time=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "1",
        "null",
        "{}",
        '{"eventType":"Send"}',
        '{"eventType":"Send","mail":{}}',
        '{"mail":{"messageId":"x"}}',
    ],
)
def test_what_is_no_event_is_unreadable(text: str) -> None:
    with pytest.raises(parsing.Unreadable):
        parsing.parse(text, fallback_time=NOW)


def test_unknown_type_is_kept() -> None:
    (event,) = parse(eventType="Teleported", teleported={"timestamp": "2026-10-01T10:00:05Z"})
    assert (event.kind, event.raw_type) == (Kind.UNKNOWN, "Teleported")
    assert event.recipient == "a@example.com"


def test_unknown_subtype_is_kept() -> None:
    bounce = {
        "bounceType": "Quantum",
        "bounceSubType": "Entangled",
        "bouncedRecipients": [{"emailAddress": "x@y.z"}],
    }
    (event,) = parse(eventType="Bounce", bounce=bounce)
    assert (event.subtype, event.detail, event.recipient) == ("Quantum", "Entangled", "x@y.z")


def test_one_event_per_bounced_recipient() -> None:
    people = [
        {"emailAddress": "a@x.y", "diagnosticCode": "550"},
        {"emailAddress": "b@x.y"},
        {"emailAddress": "A@x.y"},
    ]
    events = parse(eventType="Bounce", bounce={"bounceType": "Permanent", "bouncedRecipients": people})
    assert [event.recipient for event in events] == ["a@x.y", "b@x.y"]
    assert len({event.identity for event in events}) == 2


def test_our_tags_take_the_first_value() -> None:
    tags = {"mp-run": ["7"], "mp-empty": [], "mp-odd": [3], "mp-text": "x", "ses:source-ip": ["192.0.2.1"]}
    (event,) = parse(eventType="Send", send={}, mail=MAIL | {"tags": tags})
    assert event.tags == {"mp-run": "7"}


def test_time_falls_back_to_the_mail_and_then_to_sns() -> None:
    (from_mail,) = parse(eventType="Send", send={})
    assert from_mail.occurred_at == datetime(2026, 10, 1, 10, tzinfo=UTC)
    (from_sns,) = parse(eventType="Send", mail={"messageId": "m", "timestamp": "yesterday"})
    assert from_sns.occurred_at == NOW
    assert from_sns.recipient == ""


def test_copies_share_an_identity_and_clicks_on_two_links_do_not() -> None:
    first = parse(eventType="Click", click={"link": "https://a.example", "timestamp": "2026-10-01T10:00:05Z"})
    again = parse(eventType="Click", click={"link": "https://a.example", "timestamp": "2026-10-01T10:00:05Z"})
    other = parse(eventType="Click", click={"link": "https://b.example", "timestamp": "2026-10-01T10:00:05Z"})
    assert first[0].identity == again[0].identity != other[0].identity


def test_nul_never_reaches_the_database() -> None:
    (event,) = parse(eventType="Click", click={"link": "https://a\0.example", "userAgent": "x\0y"})
    assert "\0" not in event.link + event.user_agent


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    kind=st.sampled_from(["Bounce", "Complaint", "Click", "Open", "Delivery", "DeliveryDelay", "Nonsense"]),
    body=JSON,
    mail=JSON,
    inner=st.dictionaries(
        st.sampled_from(["bouncedRecipients", "recipients", "timestamp", "link", "feedbackId", "userAgent"]),
        JSON,
    ),
)
def test_no_shape_of_json_crashes_the_parser(
    kind: str, body: object, mail: object, inner: dict[str, object]
) -> None:
    key = kind[0].lower() + kind[1:]
    for content in (body, inner):
        for head in (mail, MAIL):
            text = orjson.dumps({"eventType": kind, key: content, "mail": head}).decode()
            try:
                events = parsing.parse(text, fallback_time=NOW)
            except parsing.Unreadable:
                continue
            assert events
            assert all(len(event.identity) == 16 for event in events)
