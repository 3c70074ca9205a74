"""Mails kept in SQLite."""

import time
from typing import Any

import pytest

from mailplatform.sandbox.mailbox import Filter, Mailbox
from mailplatform.sandbox.message import Link, Message, Packer, new_id
from mailplatform.sandbox.storage import Storage

TEMPLATE = "<p>" + "Lorem ipsum dolor sit amet " * 200 + "{{name}}</p>"


def mail(to: str = "ada@example.org", **changes: Any) -> Message:
    values: dict[str, Any] = {
        "id": new_id("eu-central-1", time.time()),
        "sent_at": time.time(),
        "source": "a@example.com",
        "source_arn": "arn",
        "destination": [to],
        "headers": [("From", "a@example.com"), ("To", to)],
        "tags": {"run": ["7"]},
        "html": TEMPLATE.replace("{{name}}", to),
        "links": [Link("https://x.example", {"a": ["b"]})],
        **changes,
    }
    return Message(**values)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox(Storage(None))


def test_a_mail_comes_back_whole(box: Mailbox) -> None:
    message = mail()
    box.add([(message, TEMPLATE)])
    assert box.get(message.id) == message
    assert box.get("nope") is None


def test_mails_of_one_template_are_small() -> None:
    message = mail()
    assert len(Packer(TEMPLATE.encode()).pack(message)) < 450
    assert len(message.html or "") > 5000


def test_search_by_address_tag_and_state(box: Mailbox) -> None:
    first, second = mail("Ada@example.org"), mail("bob@example.org", tags={"run": ["8"]})
    box.add([(first, ""), (second, "")])
    box.mark(second.id, "bounced")

    def ids(**terms: Any) -> list[str]:
        return [row["id"] for row in box.find(Filter(**terms))]

    assert ids(to="ada@EXAMPLE.org") == [first.id]
    assert ids(to="ada") == [first.id]
    assert ids(to="example.org") == [first.id, second.id]
    assert ids(to="a%") == []
    assert ids(tags={"run": "8"}) == [second.id]
    assert ids(state="bounced") == [second.id]
    assert box.count(Filter(to="bob")) == 1


def test_pages_by_position(box: Mailbox) -> None:
    messages = [mail(f"a{number}@example.org") for number in range(5)]
    box.add([(message, "") for message in messages])
    first = box.find(Filter(limit=2))
    rest = box.find(Filter(limit=10, after=first[-1]["position"]))
    assert [row["to"] for row in [*first, *rest]] == [message.destination for message in messages]
    newest = box.find(Filter(limit=1, newest_first=True))
    assert newest[0]["to"] == ["a4@example.org"]
    assert box.find(Filter(limit=1, newest_first=True, after=newest[0]["position"]))[0]["to"] == [
        "a3@example.org"
    ]


def test_a_late_lesser_state_does_not_win(box: Mailbox) -> None:
    message = mail()
    box.add([(message, "")])
    box.mark(message.id, "complained")
    box.flush()
    box.mark(message.id, "delivered")
    assert box.state(message.id) == "complained"


def test_the_summary_counts_by_group_and_finds_doubles(box: Mailbox) -> None:
    box.add(
        [(mail("Ada@example.org"), ""), (mail("ada@example.org"), ""), (mail("b@example.org", tags={}), "")]
    )
    found = box.summary(Filter(), "run")
    assert found["total"] == 3
    assert found["groups"]["7"]["addresses"] == {"ada@example.org": 2}
    assert found["groups"]["7"]["duplicates"] == {"ada@example.org": 2}
    assert found["groups"][""]["addresses"] == {"b@example.org": 1}
    assert found["groups"]["7"]["states"] == {"accepted": 2}


def test_clearing_leaves_nothing(box: Mailbox) -> None:
    message = mail()
    box.add([(message, TEMPLATE)])
    assert box.clear() == 1
    assert box.find(Filter()) == []
    box.add([(message, TEMPLATE)])
    assert box.get(message.id) == message
