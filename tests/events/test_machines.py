"""Scanners and proxies are told from people, with the reason."""

from datetime import UTC, datetime, timedelta

import pytest

from events import machines
from events.kinds import Kind

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
DESKTOP = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/129.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/7.0; Microsoft Outlook 16.0.4266)"


@pytest.mark.parametrize("agent", [PHONE, DESKTOP, FIREFOX, OUTLOOK])
@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.CLICK])
def test_people_are_people(agent: str, kind: Kind) -> None:
    assert machines.by_user_agent(kind, agent) == ""


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        ("Mozilla/5.0", "apple_privacy"),
        (
            "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "google_proxy",
        ),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "yahoo_proxy"),
        ("BarracudaCentral", "scanner"),
        ("Mimecast Targeted Threat Protection", "scanner"),
        ("Microsoft Office Existence Discovery", "scanner"),
        ("Mozilla/5.0 (compatible; BingPreview/1.0b)", "scanner"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview_bot"),
        ("python-requests/2.32", "script"),
        ("curl/8.5.0", "script"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/129.0", "script"),
        ("", "no_agent"),
        ("   ", "no_agent"),
    ],
)
def test_machines_are_named(agent: str, reason: str) -> None:
    assert machines.by_user_agent(Kind.OPEN, agent) == reason
    assert reason in machines.EXPLANATIONS


def test_head_request_is_a_scanner() -> None:
    assert machines.by_user_agent(Kind.CLICK, DESKTOP, method="head") == "head"


def test_all_links_within_two_seconds_are_a_scanner() -> None:
    hits = [
        machines.Seen(n, Kind.CLICK, AT + timedelta(seconds=n * 0.4), f"https://x.example/{n}")
        for n in range(4)
    ]
    assert machines.by_pattern(hits, None) == dict.fromkeys(range(4), "all_links")


def test_one_link_twice_within_two_seconds_is_an_impatient_person() -> None:
    hits = [machines.Seen(n, Kind.CLICK, AT + timedelta(seconds=n), "https://x.example/") for n in range(2)]
    assert machines.by_pattern(hits, None) == {}


def test_two_links_ten_seconds_apart_are_a_reader() -> None:
    hits = [
        machines.Seen(n, Kind.CLICK, AT + timedelta(seconds=10 * n), f"https://x.example/{n}")
        for n in range(3)
    ]
    assert machines.by_pattern(hits, AT - timedelta(minutes=1)) == {}


def test_click_before_delivery_is_a_scanner() -> None:
    hits = [machines.Seen(1, Kind.CLICK, AT, "https://x.example/"), machines.Seen(2, Kind.OPEN, AT, "")]
    found = machines.by_pattern(hits, AT + timedelta(seconds=5))
    assert found == {1: "before_delivery", 2: "before_delivery"}


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (PHONE, "mobile"),
        (DESKTOP, "desktop"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0)", "tablet"),
        ("thing", "other"),
    ],
)
def test_only_the_class_of_a_device_is_kept(agent: str, expected: str) -> None:
    assert machines.agent_class(agent) == expected
