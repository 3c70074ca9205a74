"""What anybody may post, and what must hold of it: the suite tries it briefly, `make fuzz` for long.

    python -m tests.fuzzing.events SECONDS

Needs neither Postgres nor Django's settings of a site. Prints how much was tried; a finding is printed as the input
that shows it, and the exit code is 1.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
    import django

    django.setup()

from events import parsing, providers, verify
from events.ingest import links, reading
from events.ingest.merging import People, Standing, apply, count_move, places_of
from events.machines import agent_class, by_user_agent
from mailplatform.core import arrays
from tests.fixtures.sns import chain as sns

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
OWN = "0" * 32
_KINDS = ("Send", "Delivery", "Bounce", "Complaint", "Reject", "Open", "Click", "Rendering Failure", "DeliveryDelay",
          "Subscription", "Novelty")  # fmt: skip
_BELIEVED = (
    ("Type", ""),
    ("MessageId", ""),
    ("TopicArn", ""),
    ("Message", ""),
    ("Token", ""),
    ("Subject", None),
)

_WORDS = [
    "", "a@b.example", "A <a@b.example>", "\0", "2026-10-01T11:00:00.000Z", "9999-12-31T23:59:59+14:00",
    "0001-01-01T00:00:00-14:00", "Permanent", "not-spam", "https://x.example/?a=%40", "${jndi:x}", "'; --",
]  # fmt: skip
_text = st.text(max_size=30) | st.sampled_from(_WORDS)
_leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text
anything = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)
_people = st.lists(
    st.fixed_dictionaries(
        {}, optional={"emailAddress": _text | anything, "diagnosticCode": _text | anything}
    ),
    max_size=3,
)
_body = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": _text | anything, "bounceType": _text | anything, "bounceSubType": _text,
        "feedbackId": _text | anything,
        "bouncedRecipients": _people | anything, "complainedRecipients": _people | anything, "recipients": anything,
        "complaintFeedbackType": _text, "complaintSubType": _text | st.none(), "link": _text | anything,
        "userAgent": _text | anything, "reason": _text, "errorMessage": _text, "delayType": _text,
        "delayedRecipients": _people,
    },
)  # fmt: skip
_tags = st.dictionaries(
    st.sampled_from(["mp-epoch", "mp-run", "mp-sub", "x"]), st.lists(_text, max_size=2) | anything
)
_mail = st.fixed_dictionaries(
    {"messageId": _text | anything},
    optional={
        "timestamp": _text | anything,
        "destination": st.lists(_text, max_size=3) | anything,
        "tags": _tags | anything,
    },
)
event_texts = (
    st.builds(
        lambda kind, legacy, mail, body: {
            ("notificationType" if legacy else "eventType"): kind,
            "mail": mail,
            {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}.get(
                str(kind), str(kind).lower()
            ): body,
        },
        st.sampled_from(_KINDS) | anything,
        st.booleans(),
        _mail | anything,
        _body | anything,
    )
    | anything
).map(json.dumps) | st.text(max_size=200)
_FIELDS = [name for name, _ in _BELIEVED]
_FIELDS += ["Timestamp", "Signature", "SignatureVersion", "SigningCertURL", "SubscribeURL", "x"]
changes = st.dictionaries(st.sampled_from(_FIELDS), _text | anything, max_size=3)


@cache
def signed() -> tuple[verify.Verifier, tuple[dict[str, str], ...]]:
    """A verifier and messages that it believes."""
    chain = sns.make_chain()
    verifier = verify.Verifier(
        topics=lambda: [sns.TOPIC], fetch=chain.fetch, anchors=lambda: [chain.root], now=lambda: NOW
    )
    messages = (
        sns.notification(chain, "text", at=NOW),
        sns.notification(chain, "text", at=NOW, version="1", subject="Grüße"),
        sns.confirmation(chain, at=NOW),
        sns.confirmation(chain, "UnsubscribeConfirmation", at=NOW),
    )
    return verifier, messages


def believes_nothing_else(body: bytes) -> None:
    """Whatever is posted is refused, or says exactly what was signed."""
    verifier, messages = signed()
    try:
        message = verifier.verify(body)
    except (verify.Refused, verify.CannotVerifyNow):
        return
    said = (
        message.type,
        message.message_id,
        message.topic_arn,
        message.message,
        message.token,
        message.subject,
    )
    assert message.timestamp == NOW
    assert any(said == tuple(good.get(name, empty) for name, empty in _BELIEVED) for good in messages), body


def digests(text: str) -> None:
    """Whatever a genuine message says is read or put aside, and what was read fits into the tables."""
    try:
        events = parsing.parse(text, fallback_time=NOW)
    except (parsing.Unreadable, parsing.NotAnEvent):
        return
    standing, people = Standing(1, 1), People()
    for event in events:
        hit = reading.claim(event, OWN)
        assert len(event.identity) == 16
        assert max(len(event.message_id) - 100, len(event.subtype) - 500, len(event.link) - 2_000) <= 0
        assert event.occurred_at.tzinfo is not None
        hit.machine_reason = by_user_agent(event.kind, event.user_agent) if event.is_engagement else ""
        before = places_of(standing)
        apply(standing, hit, provider=providers.provider_of(event.recipient))
        count_move(people, before, places_of(standing))
        again = standing.values()
        apply(standing, hit, provider=providers.provider_of(event.recipient))
        assert standing.values() == again, "the same event twice changed something"
        shared = links.shared_address(event.link, event.recipient)
        words = [shared, links.impersonal(event.diagnostic, event.recipient), agent_class(event.user_agent)]
        assert "\0" not in arrays.texts([*words, event.message_id, standing.reason, standing.provider])
        assert len(links.digest(shared)) == 16
    assert sum(people.values()) == len(places_of(standing))


def _mutate(rng: random.Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
            case 2:
                data[at:at] = rng.choice(
                    [b'"', b"\\", b"}", b",", b"\xff", b"\\u0000", b"\\ud800", b"1e999", data[:at]]
                )
            case _:
                data[at:at] = data[rng.randrange(len(data)) :][:30]
        if not data:
            return b""
    return bytes(data)


def check_changed_fields(number: int, change: dict[str, Any]) -> None:
    believes_nothing_else(orjson.dumps(signed()[1][number] | _jsonable(change)))


def _jsonable(change: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in change.items():
        try:
            orjson.dumps(value)
        except (TypeError, ValueError):
            continue
        found[name] = value
    return found


def check_changed_bytes(number: int, chance: int) -> None:
    believes_nothing_else(_mutate(random.Random(chance), orjson.dumps(signed()[1][number])))


_which = st.integers(0, 3)
# Name → property over its inputs.
CHECKS: dict[str, tuple[Callable[..., None], dict[str, st.SearchStrategy[Any]]]] = {
    "any bytes": (believes_nothing_else, {"body": st.binary(max_size=400)}),
    "any JSON": (lambda value: believes_nothing_else(json.dumps(value).encode()), {"value": anything}),
    "signed, fields changed": (check_changed_fields, {"number": _which, "change": changes}),
    "signed, bytes changed": (check_changed_bytes, {"number": _which, "chance": st.integers(0, 2**32)}),
    "events": (digests, {"text": event_texts}),
}


def attempt(name: str, *, examples: int, start: int) -> None:
    """Try one property so often, beginning from a seed; raises what it finds."""
    check, inputs = CHECKS[name]

    @seed(start)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(**inputs)
    def tried(**values: Any) -> None:
        check(**values)

    tried()


def main(seconds: float) -> int:
    """Try everything in turn until the time is over."""
    until, start, count = time.monotonic() + seconds, random.SystemRandom().randrange(2**31), 0
    while time.monotonic() < until:
        for name in CHECKS:
            try:
                attempt(name, examples=300, start=start)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                sys.stdout.write(f"FOUND in {name!r}, seed {start}: {type(error).__name__}: {error}\n")
                for note in getattr(error, "__notes__", []):
                    sys.stdout.write(f"{note}\n")
                return 1
            count += 300
        start += 1
    sys.stdout.write(f"{count:,} inputs in {seconds:.0f} s, nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
