"""Simulated readers: only what the mail carries, the same at every run."""

from collections import Counter
from typing import Any

import pytest

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.readers import Behaviour, one_click_request, one_click_target, parse
from mailplatform.sandbox.testing import ApiFailedError
from tests.mailplatform.sandbox.support import Post, Wired

NOBODY = {
    "open": 0,
    "click": 0,
    "unsubscribe": 0,
    "proxy_open": 0,
    "scanner": 0,
    "min_delay": 0,
    "max_delay": 0.02,
}
HTML = {"Html": {"Data": '<a href="https://example.com/1">1</a> <a href="https://example.com/2">2</a>'}}


def behave(wired: Wired, **rates: Any) -> None:
    wired.sandbox.api.put("readers", **{**NOBODY, "enabled": True, **rates})


def send(wired: Wired, count: int = 1, **options: Any) -> None:
    for number in range(count):
        wired.send(f"reader{number}@example.org", body=HTML, **options)


def test_they_are_off_by_default(wired: Wired) -> None:
    send(wired, 5)
    assert wired.events("Open") == wired.events("Click") == []


def test_people_open_and_click(wired: Wired) -> None:
    behave(wired, open=1, click=1)
    send(wired, 3)
    assert len(wired.events("Open")) == 3
    clicks = wired.events("Click")
    assert {event["click"]["link"] for event in clicks} <= {"https://example.com/1", "https://example.com/2"}
    assert all(event["click"]["userAgent"].startswith("Mozilla/5.0 (") for event in clicks)


def test_people_follow_no_link_that_cannot_be_seen(wired: Wired) -> None:
    behave(wired, open=1, click=1)
    trap = {"Html": {"Data": '<a href="https://example.com/trap"></a><a href="https://example.com/1">1</a>'}}
    for number in range(6):
        wired.send(f"reader{number}@example.org", body=trap)
    assert {event["click"]["link"] for event in wired.events("Click")} == {"https://example.com/1"}


def test_proxies_open_with_their_own_names(wired: Wired) -> None:
    behave(wired, proxy_open=1)
    send(wired, 12)
    agents = {event["open"]["userAgent"] for event in wired.events("Open")}
    assert "Mozilla/5.0" in agents
    assert any("GoogleImageProxy" in agent for agent in agents)
    assert wired.events("Click") == []


def test_scanners_click_every_link(wired: Wired) -> None:
    behave(wired, scanner=1)
    send(wired)
    assert {event["click"]["link"] for event in wired.events("Click")} == {
        "https://example.com/1",
        "https://example.com/2",
    }
    assert wired.sandbox.api.get("readers")["actions"]["scanner_clicks"] == 2


def test_untracked_mail_is_neither_opened_nor_clicked(wired: Wired) -> None:
    wired.ses.update_configuration_set_event_destination(
        ConfigurationSetName="all",
        EventDestinationName="sns",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND", "DELIVERY"],
            "SnsDestination": {"TopicArn": wired.topic},
        },
    )
    behave(wired, open=1, click=1, proxy_open=1, scanner=1)
    send(wired, 3)
    assert {event["eventType"] for event in wired.events()} == {"Send", "Delivery"}
    assert "_sandbox" not in wired.sandbox.messages()[0]["html"]


def own(wired: Wired, host: str = "") -> dict[str, Any]:
    """A mail whose sender counts by itself: a pixel, two links, and one that nobody can see."""
    base = host or wired.receiver.url.removesuffix("/hook")
    links = "".join(f'<a href="{base}/l/t/{n}">{n}</a>' for n in (1, 2))
    return {"Html": {"Data": f'{links}<a href="{base}/l/t/trap"></a><img src="{base}/o/t.gif">'}}


def visits(wired: Wired) -> Counter[tuple[str, str]]:
    wired.sandbox.wait_quiet()
    return Counter((visit.method, visit.path) for visit in wired.receiver.visits)


def actions(wired: Wired) -> dict[str, int]:
    found: dict[str, int] = wired.sandbox.api.get("readers")["actions"]
    return {name: count for name, count in found.items() if count}


def send_own(wired: Wired, count: int, host: str = "") -> None:
    for number in range(count):
        wired.send(f"reader{number}@example.org", body=own(wired, host), ConfigurationSetName="silent")


@pytest.fixture
def silent(wired: Wired) -> Wired:
    """With a set that publishes neither opens nor clicks, so that Amazon's tracking is not in the mail."""
    wired.ses.create_configuration_set(ConfigurationSetName="silent")
    return wired


def test_people_load_the_senders_own_pixel_and_follow_one_link_that_can_be_seen(silent: Wired) -> None:
    behave(silent, open=1, click=1)
    send_own(silent, 6)
    found = visits(silent)
    assert found.pop(("GET", "/o/t.gif")) == 6
    assert found.keys() <= {("GET", "/l/t/1"), ("GET", "/l/t/2")}
    assert sum(found.values()) == 6
    assert all(visit.agent.startswith("Mozilla/5.0 (") for visit in silent.receiver.visits)
    assert actions(silent) == {"opens": 6, "clicks": 6}
    assert silent.events("Open") == silent.events("Click") == []


def test_proxies_load_the_senders_own_pixel_and_follow_nothing(silent: Wired) -> None:
    behave(silent, proxy_open=1)
    send_own(silent, 8)
    assert visits(silent) == {("GET", "/o/t.gif"): 8}
    assert {visit.agent for visit in silent.receiver.visits} >= {"Mozilla/5.0"}
    assert actions(silent) == {"proxy_opens": 8}


def test_scanners_follow_every_own_link_and_some_ask_by_head(silent: Wired) -> None:
    behave(silent, scanner=1)
    send_own(silent, 12)
    found = visits(silent)
    assert {path for _, path in found} == {"/o/t.gif", "/l/t/1", "/l/t/2", "/l/t/trap"}
    assert {method for method, _ in found} == {"GET", "HEAD"}
    assert sum(found.values()) == 48
    assert actions(silent) == {"scanner_clicks": 36}


def test_nobody_calls_a_host_that_is_not_allowed(silent: Wired) -> None:
    behave(silent, open=1, click=1, proxy_open=1, scanner=1)
    send_own(silent, 2, host="http://10.0.0.1")
    assert visits(silent) == {}
    assert actions(silent) == {}


def test_a_sender_in_trouble_is_said(silent: Wired) -> None:
    silent.receiver.greeting = 503
    behave(silent, open=1)
    send_own(silent, 2)
    assert visits(silent) == {("GET", "/o/t.gif"): 2}
    assert actions(silent) == {"hit_failures": 2}


def test_bounced_mail_and_complainers_are_left_alone(wired: Wired) -> None:
    behave(wired, open=1, proxy_open=1)
    for name in ("bounce", "complaint", "ooto"):
        wired.send(f"{name}@simulator.amazonses.com", body=HTML)
    assert wired.events("Open") == []


def one_click(wired: Wired, url: str = "", *, post: bool = True) -> dict[str, Any]:
    headers = [
        {"Name": "List-Unsubscribe", "Value": f"<mailto:u@example.com>, <{url or wired.receiver.url}>"}
    ]
    if post:
        headers.append({"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"})
    return {"Headers": headers}


def test_some_leave_by_one_click_in_both_encodings(wired: Wired) -> None:
    behave(wired, unsubscribe=1)
    send(wired, 12, simple=one_click(wired))
    wired.sandbox.wait_quiet()
    posts = [post for post in wired.receiver.posts if "x-amz-sns-message-type" not in post.headers]
    assert len(posts) == 12
    kinds = {post.headers["content-type"].partition(";")[0] for post in posts}
    assert kinds == {"application/x-www-form-urlencoded", "multipart/form-data"}
    assert all(b"List-Unsubscribe" in post.body and b"One-Click" in post.body for post in posts)
    assert all("cookie" not in post.headers and "authorization" not in post.headers for post in posts)
    assert wired.sandbox.api.get("readers")["actions"]["unsubscribes"] == 12


def test_a_server_in_trouble_is_asked_again(wired: Wired) -> None:
    answers = [503, 200]

    def answer(post: Post) -> int:
        return 200 if "x-amz-sns-message-type" in post.headers else answers.pop(0)

    wired.receiver.answer = answer
    behave(wired, unsubscribe=1)
    send(wired, simple=one_click(wired))
    wired.sandbox.wait_quiet()
    assert wired.sandbox.api.get("readers")["actions"]["unsubscribes"] == 1


@pytest.mark.parametrize(
    "options", [{"url": "http://unsubscribe.example.com/x"}, {"url": "http://10.0.0.1/x"}, {"post": False}]
)
def test_nobody_leaves_through_another_host_or_without_rfc_8058(
    wired: Wired, options: dict[str, Any]
) -> None:
    behave(wired, unsubscribe=1)
    send(wired, simple=one_click(wired, **options))
    wired.sandbox.wait_quiet()
    assert wired.sandbox.api.get("readers")["actions"]["unsubscribes"] == 0
    message = wired.sandbox.sandbox.mailbox.get(wired.sandbox.messages()[0]["id"])
    assert message is not None
    assert one_click_target(message, {"127.0.0.1"}) == ""


def test_the_same_seed_leads_to_the_same_readers(wired: Wired) -> None:
    def opened() -> set[str]:
        wired.receiver.posts.clear()
        send(wired, 30)
        return {event["mail"]["destination"][0] for event in wired.events("Open")}

    behave(wired, open=0.5, seed=1)
    first, again = opened(), opened()
    behave(wired, open=0.5, seed=2)
    assert first == again
    assert 5 < len(first) < 25
    assert opened() != first


@pytest.mark.parametrize("value", [{"open": 2}, {"surprise": 1}, {"min_delay": 3, "max_delay": 1}])
def test_bad_rates_are_refused(wired: Wired, value: dict[str, float]) -> None:
    with pytest.raises(ApiError):
        parse(value, Behaviour())
    with pytest.raises(ApiFailedError, match="400"):
        wired.sandbox.api.put("readers", **value)


def test_the_multipart_body_is_well_formed() -> None:
    headers, body = one_click_request(multipart=True)
    boundary = headers["Content-Type"].partition("boundary=")[2]
    assert body.startswith(f"--{boundary}\r\n".encode())
    assert body.endswith(f"--{boundary}--\r\n".encode())
