"""The mailbox page."""

import re

import pytest
import urllib3

from tests.mailplatform.sandbox.support import Wired


def get(wired: Wired, path: str, status: int = 200) -> str:
    answer = urllib3.request("GET", wired.sandbox.url + path)
    assert answer.status == status
    return answer.data.decode()


def test_an_empty_mailbox_says_so(wired: Wired) -> None:
    assert "No mail yet" in get(wired, "/mailbox")
    assert "No mail matches" in get(wired, "/mailbox?to=nobody")


def test_the_front_page_is_the_mailbox(wired: Wired) -> None:
    assert "<h1>Mailbox</h1>" in get(wired, "/")


def test_the_list_shows_searches_and_pages(wired: Wired) -> None:
    for number in range(3):
        wired.send(f"a{number}@example.org")
    page = get(wired, "/mailbox?limit=2")
    assert "3 mails" in page
    assert "a2@example.org" in page
    assert "a0@example.org" not in page
    older = re.search(r'href="(/mailbox\?[^"]*after=\d+)"', page)
    assert older
    assert "a0@example.org" in get(wired, older[1].replace("&amp;", "&"))
    assert "1 mail<" in get(wired, "/mailbox?to=a1@example.org")


def test_what_strangers_wrote_is_escaped(wired: Wired) -> None:
    message_id = wired.send(
        simple={
            "Subject": {"Data": "<script>alert(1)</script>"},
            "Headers": [{"Name": "X-A", "Value": "<b>"}],
        }
    )
    for path in (
        "/mailbox",
        f"/mailbox/{message_id}",
        f"/mailbox/{message_id}?view=headers",
        "/mailbox?to=<script>",
    ):
        assert "<script" not in get(wired, path)
    assert "&lt;b&gt;" in get(wired, f"/mailbox/{message_id}?view=headers")


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("html", "<iframe src="),
        ("text", "<pre tabindex"),
        ("headers", "<th>Message-ID</th>"),
        ("raw", "MIME-Version: 1.0"),
        ("nonsense", "<iframe src="),
    ],
)
def test_the_views_of_a_mail(wired: Wired, view: str, expected: str) -> None:
    message_id = wired.send(body={"Html": {"Data": "<p>rich</p>"}})
    assert expected in get(wired, f"/mailbox/{message_id}?view={view}")


def test_the_mail_itself_runs_nothing_and_fetches_nothing(wired: Wired) -> None:
    message_id = wired.send(
        body={"Html": {"Data": "<script>x</script><img src='https://example.com/i.png'>"}}
    )
    answer = urllib3.request("GET", f"{wired.sandbox.url}/mailbox/{message_id}/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert "allow-scripts" not in policy
    assert "sandbox" in policy


def test_pages_are_strict_and_self_contained(wired: Wired) -> None:
    wired.send()
    answer = urllib3.request("GET", f"{wired.sandbox.url}/mailbox")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    page = answer.data.decode()
    assert not re.search(r"<script|style=|\son\w+=|https?://", page)
    assert "light-dark(" in get(wired, "/mailbox/mailbox.css")


def test_an_unknown_mail_is_not_found(wired: Wired) -> None:
    assert "There is no such mail" in get(wired, "/mailbox/nope", 404)


def test_pages_are_only_read(wired: Wired) -> None:
    assert urllib3.request("POST", f"{wired.sandbox.url}/mailbox").status == 405
