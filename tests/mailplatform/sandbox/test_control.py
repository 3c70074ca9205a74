"""The sandbox's own API."""

from typing import Any

import pytest
import urllib3

from mailplatform.sandbox.testing import ApiFailedError, RunningSandbox
from tests.mailplatform.sandbox.support import Wired, entry

LINK = {"Html": {"Data": '<a href="https://example.com/a?b=1&amp;c=2">x</a>'}}


def get(wired: Wired, path: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{wired.sandbox.url}/_sandbox/{path}", redirect=False)


def test_health(sbx: RunningSandbox) -> None:
    assert urllib3.request("GET", f"{sbx.url}/_sandbox/health").json() == {
        "status": "ok",
        "region": "eu-central-1",
    }


def test_mails_are_found_by_tag_and_paged(wired: Wired) -> None:
    for number in range(3):
        wired.send(f"a{number}@example.org", EmailTags=[{"Name": "campaign", "Value": str(number % 2)}])
    assert [item["to"] for item in wired.sandbox.api.get("messages", campaign="0")["messages"]] == [
        ["a0@example.org"],
        ["a2@example.org"],
    ]
    first = wired.sandbox.api.get("messages", limit=2)
    rest = wired.sandbox.api.get("messages", limit=2, after=first["next"])
    assert (len(first["messages"]), len(rest["messages"]), rest["next"]) == (2, 1, None)


def test_the_summary_groups_by_tag(wired: Wired) -> None:
    tags = [{"Name": "run", "Value": "7"}]
    wired.bulk(entry("a@example.org"), entry("b@example.org"), DefaultEmailTags=tags)
    wired.send("a@example.org", EmailTags=tags)
    wired.sandbox.wait_quiet()
    found = wired.sandbox.api.get("summary", tag="run")
    assert found["groups"]["7"]["addresses"] == {"a@example.org": 2, "b@example.org": 1}
    assert found["groups"]["7"]["states"] == {"delivered": 3}
    assert wired.sandbox.api.get("summary", tag="run", run="8") == {"total": 0, "groups": {}}


def test_all_mail_can_be_thrown_away(wired: Wired) -> None:
    wired.send()
    assert wired.sandbox.api.delete("messages") == {"deleted": 1}
    assert wired.sandbox.messages() == []


def test_the_pixel_publishes_an_open(wired: Wired) -> None:
    message_id = wired.send(body=LINK)
    answer = get(wired, f"o/{message_id}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert len(wired.events("Open")) == 1


def test_a_tracked_link_redirects_and_publishes_a_click(wired: Wired) -> None:
    message_id = wired.send(body=LINK)
    answer = get(wired, f"r/{message_id}/0")
    assert (answer.status, answer.headers["location"]) == (302, "https://example.com/a?b=1&c=2")
    assert wired.events("Click")[0]["click"]["link"] == "https://example.com/a?b=1&c=2"


@pytest.mark.parametrize("path", ["r/nope/0", "o/nope", "o", "api/messages/nope", "api/nope", "nope"])
def test_what_is_not_there(wired: Wired, path: str) -> None:
    assert get(wired, path).status == 404


@pytest.mark.parametrize("number", ["1", "-1", "x", ""])
def test_a_link_that_is_not_there(wired: Wired, number: str) -> None:
    message_id = wired.send(body=LINK)
    assert get(wired, f"r/{message_id}/{number}").status == 404


@pytest.mark.parametrize("path", ["messages?limit=x", "messages?after=x"])
def test_bad_queries_are_answered(wired: Wired, path: str) -> None:
    assert get(wired, f"api/{path}").status == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"1"])
def test_bad_bodies_are_answered(wired: Wired, body: bytes) -> None:
    answer = urllib3.request("PUT", f"{wired.sandbox.url}/_sandbox/api/account", body=body)
    assert answer.status == 400


def test_the_account_can_be_changed(sbx: RunningSandbox) -> None:
    changed: dict[str, Any] = sbx.api.put(
        "account", max_send_rate=14, max_24_hour_send=50000, production_access=False
    )
    assert (changed["max_send_rate"], changed["burst_seconds"]) == (14.0, 2.0)
    account = sbx.client("sesv2").get_account()
    assert account["SendQuota"]["MaxSendRate"] == 14.0
    assert account["SendQuota"]["Max24HourSend"] == 50000.0
    assert account["ProductionAccessEnabled"] is False
    with pytest.raises(ApiFailedError, match="unknown setting"):
        sbx.api.put("account", nope=1)


def test_a_reset_leaves_an_empty_account(wired: Wired) -> None:
    wired.send()
    wired.sandbox.reset()
    assert wired.ses.list_email_identities()["EmailIdentities"] == []
    assert wired.sns.list_topics()["Topics"] == []
    assert wired.sandbox.messages() == []
    assert wired.sandbox.api.get("events")["emitted"] == {}
