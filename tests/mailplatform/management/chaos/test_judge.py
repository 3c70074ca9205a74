"""The judge must find each fault that it is there for."""

from dataclasses import replace
from typing import Any

import pytest

from mailplatform.management.chaos import judge
from mailplatform.management.chaos.audience import FRIEND, JOINED, REFUSED, SUPPRESSED, Person
from mailplatform.management.chaos.judge import Found, Mail
from mailplatform.management.chaos.ledger import Delivery
from mailplatform.management.chaos.schedule import Mode

ADA, BEN, COY, DEE = "ada@example.org", "ben@example.org", "coy@example.org", "dee@example.org"


def mail(name: str, at: float = 0.0) -> Mail:
    return Mail(name, at)


def honest() -> Found:
    """A campaign in which everything went as promised."""
    return Found(
        mode=Mode.OFF,
        people={
            1: Person(1, ADA, FRIEND),
            2: Person(2, BEN, SUPPRESSED),
            3: Person(3, COY, REFUSED),
            4: Person(4, DEE, JOINED),
        },
        deliveries={
            1: Delivery("accepted", "", "m1"),
            2: Delivery("skipped", "complaint", ""),
            3: Delivery("failed", "message_rejected", ""),
        },
        mailbox={ADA: [mail("m1")]},
        resent_by_operator=set(),
        resent_by_itself=set(),
        wrong_sums=0,
        kills_in_flight=7,
    )


def test_an_honest_campaign_breaks_nothing() -> None:
    assert judge.judge(honest()) == judge.Verdict()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mailbox": {ADA: [mail("m1"), mail("m2")]}}, "mailed twice"),
        ({"mailbox": {}}, "not mailed"),
        ({"mailbox": {ADA: [mail("m1")], BEN: [mail("m2")]}}, "must not be"),
        ({"mailbox": {ADA: [mail("m1")], DEE: [mail("m2")]}}, "must not be"),
        ({"mailbox": {ADA: [mail("m1")], "who@example.org": [mail("m2")]}}, "must not be"),
        ({"mailbox": {ADA: [mail("other")]}}, "do not agree"),
        ({"mailbox": {ADA: [mail("m1")], COY: [mail("m2")]}}, "do not agree"),
        ({"wrong_sums": 1}, "add up"),
        ({"kills_in_flight": 4}, "shows too little"),
        ({"resent_by_itself": {1}}, "by itself with mode off"),
        ({"mode": Mode.DEAF, "resent_by_itself": {1}}, "by itself with mode deaf"),
        ({"resent_by_operator": {1, 2}}, "the operator had to re-send"),
    ],
)
def test_each_broken_promise_is_named(changes: dict[str, Any], words: str) -> None:
    broken = judge.judge(replace(honest(), **changes)).broken
    assert any(words in each for each in broken), broken


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (Delivery("unresolved", "lost_answer", ""), "unresolved at the end"),
        (Delivery("failed", "transient_failure", ""), "do not agree"),
        (None, "do not agree"),
    ],
)
def test_the_ledger_s_word_about_a_mailed_person_counts(delivery: Delivery | None, words: str) -> None:
    found = honest()
    rows = {**found.deliveries, 1: delivery} if delivery else {2: found.deliveries[2], 3: found.deliveries[3]}
    broken = judge.judge(replace(found, deliveries=rows)).broken
    assert any(words in each for each in broken), broken


def test_a_failed_friend_is_a_missing_one() -> None:
    found = honest()
    rows = {**found.deliveries, 1: Delivery("failed", "transient_failure", "")}
    assert judge.judge(replace(found, deliveries=rows, mailbox={})).missing == [
        f"{ADA}: failed transient_failure"
    ]


@pytest.mark.parametrize(("sent_at", "ineligible"), [(99.0, []), (105.0, []), (130.0, [ADA])])
def test_whoever_left_gets_nothing_that_was_cut_afterwards(sent_at: float, ineligible: list[str]) -> None:
    found = honest()
    people = {**found.people, 1: Person(1, ADA, FRIEND, left_at=100.0)}
    assert (
        judge.judge(replace(found, people=people, mailbox={ADA: [mail("m1", sent_at)]})).ineligible
        == ineligible
    )


def test_a_second_mail_by_decision_is_told_apart() -> None:
    found = replace(honest(), mailbox={ADA: [mail("m1"), mail("m2")]}, resent_by_operator={1})
    verdict = judge.judge(found)
    assert (verdict.duplicates, verdict.doubled_by_decision) == ([], [ADA])


def test_silence_may_be_proof_where_that_is_on() -> None:
    assert judge.judge(replace(honest(), mode=Mode.ON, resent_by_itself={1})).broken == []
