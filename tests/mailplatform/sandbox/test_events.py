"""Event JSON: the sandbox's own, beside the examples of AWS's documentation."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.mailplatform.sandbox.support import Wired, entry

EXAMPLES = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "ses-events"
INJECTED = {
    "Bounce": "BOUNCE",
    "Complaint": "COMPLAINT",
    "DeliveryDelay": "DELIVERY_DELAY",
    "Reject": "REJECT",
    "Subscription": "SUBSCRIPTION",
}
# In the examples these lists and maps are free; their members are data, not shape.
FREE = {"mail.tags", "mail.headers[]", "click.linkTags"}


def shape(value: Any, path: str = "") -> set[str]:
    """Every key path of a JSON value, with its type."""
    if path in FREE:
        return {f"{path}:{type(value).__name__}"}
    if isinstance(value, dict):
        found = {f"{path}:{dict.__name__}"}
        for key, item in value.items():
            found |= shape(item, f"{path}.{key}".lstrip("."))
        return found
    if isinstance(value, list):
        return {f"{path}:list"}.union(*(shape(item, f"{path}[]") for item in value))
    return {f"{path}:{type(value).__name__}"}


def emit(wired: Wired, name: str) -> dict[str, Any]:
    """Make the sandbox publish one event of a kind."""
    html = {"Html": {"Data": '<a ses:tags="samplekey0:samplevalue0;" href="https://example.com/a?b=1">x</a>'}}
    if name == "RenderingFailure":
        wired.bulk(entry("recipient@example.com", {}))
        return wired.events("Rendering Failure")[0]
    message_id = wired.send("recipient@example.com", body=html, EmailTags=[{"Name": "run", "Value": "7"}])
    if name in {"Open", "Click"}:
        path = f"o/{message_id}" if name == "Open" else f"r/{message_id}/0"
        agent = {"User-Agent": "Mozilla/5.0 (test)"}
        urllib3.request("GET", f"{wired.sandbox.url}/_sandbox/{path}", headers=agent, redirect=False)
    elif name in INJECTED:
        wired.sandbox.api.post(f"messages/{message_id}/event", event=INJECTED[name])
    return wired.events(name)[0]


KINDS = [
    "Bounce",
    "Click",
    "Complaint",
    "Delivery",
    "DeliveryDelay",
    "Open",
    "Reject",
    "RenderingFailure",
    "Send",
]


@pytest.mark.parametrize("name", [*KINDS, "Subscription"])
def test_every_key_of_the_documented_example_is_there(wired: Wired, name: str) -> None:
    path = EXAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"SHARED_DATA holds no {path}")
    example = shape(json.loads(path.read_text()))
    ours = shape(emit(wired, name))
    assert example - ours == set()


@pytest.mark.parametrize("name", KINDS)
def test_every_event_names_its_mail(wired: Wired, name: str) -> None:
    event = emit(wired, name)
    mail = event["mail"]
    message = wired.sandbox.messages()[0]
    assert mail["messageId"] == message["id"]
    assert mail["destination"] == ["recipient@example.com"]
    assert mail["sendingAccountId"] == "123456789012"
    assert mail["source"] == "Shop <news@example.com>"
    assert mail["tags"]["ses:configuration-set"] == ["all"]
    assert mail["tags"]["ses:from-domain"] == ["example.com"]
    assert mail["tags"]["ses:caller-identity"] == ["sandbox-user"]
    if name != "RenderingFailure":
        assert mail["tags"]["run"] == ["7"]


def test_a_click_names_its_link_and_reader(wired: Wired) -> None:
    click = emit(wired, "Click")["click"]
    assert click["link"] == "https://example.com/a?b=1"
    assert click["linkTags"] == {"samplekey0": ["samplevalue0"]}
    assert (click["userAgent"], click["ipAddress"]) == ("Mozilla/5.0 (test)", "127.0.0.1")


def test_a_templated_send_has_no_subject_yet(wired: Wired) -> None:
    wired.bulk(entry("a@example.org"))
    send, delivery = wired.events("Send")[0], wired.events("Delivery")[0]
    assert "subject" not in send["mail"]["commonHeaders"]
    assert delivery["mail"]["commonHeaders"]["subject"] == "Hi Ada"


def test_long_headers_are_truncated(wired: Wired) -> None:
    headers = [{"Name": f"X-{number}", "Value": "x" * 900} for number in range(15)]
    wired.send(simple={"Headers": headers})
    mail = wired.events("Delivery")[0]["mail"]
    assert mail["headersTruncated"] is True
    assert len(mail["headers"]) < 15


def test_the_subject_line_of_the_notification(wired: Wired) -> None:
    wired.send()
    wired.sandbox.wait_quiet()
    assert wired.receiver.envelopes()[-1]["Subject"] == "Amazon SES Email Event Notification"
