import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from mailplatform.core import faults

SECRETS = ("ada@example.org", "eyJ-token", "192.0.2.7", "hunter2", "Mozilla")


class Box(Transport):
    """Keeps what would leave."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent.append(envelope)


@pytest.fixture
def box() -> Iterator[Box]:
    box = Box()
    faults.start("https://key@sentry.example/1", transport=box)
    yield box
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def fail(password: str) -> None:
    local = f"{password} of ada@example.org"
    raise ValueError(f"cannot write to ada@example.org: /u/eyJ-token/ {len(local)}")


def test_a_fault_is_told_without_anybody_in_it(box: Box) -> None:
    try:
        fail("hunter2")
    except ValueError:
        structlog.get_logger("campaigns").exception("mail_failed", address="ada@example.org", ip="192.0.2.7")
    (envelope,) = box.sent
    text = envelope.serialize().decode()
    assert [secret for secret in SECRETS if secret in text] == []
    event: Any = envelope.get_event()
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("ValueError", "cannot write to …: /u/…/ 26")
    assert value["stacktrace"]["frames"][-1]["function"] == "fail"


def test_only_what_is_allowed_leaves_whatever_the_library_collects() -> None:
    names = ("request", "user", "extra", "contexts", "breadcrumbs", "server_name", "modules", "tags")
    frame = {"function": "f", "vars": {"password": "hunter2"}, "pre_context": ["ada@example.org"]}
    value = {"type": "E", "value": "ada@example.org", "stacktrace": {"frames": [frame]}}
    event = {
        **{name: {"agent": "Mozilla"} for name in names},
        "level": "error",
        "exception": {"values": [value]},
    }
    kept = faults.discreet(event, {})
    assert kept.keys() == {"level", "exception"}
    assert [secret for secret in SECRETS if secret in str(kept)] == []


def test_lines_of_libraries_are_hidden_too_and_warnings_stay_here(box: Box) -> None:
    logging.getLogger("django.request").error("Internal Server Error: %s", "/u/eyJ-token/")
    logging.getLogger("django.request").warning("Not Found: %s", "/u/eyJ-token/")
    (envelope,) = box.sent
    assert "eyJ-token" not in envelope.serialize().decode()


def test_without_a_dsn_nothing_is_started() -> None:
    faults.start("")
    assert not sentry_sdk.get_client().is_active()
