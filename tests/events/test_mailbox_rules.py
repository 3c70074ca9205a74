"""The rules of the large providers: met, not met, or honestly not known."""

import dataclasses
from typing import Any

import pytest

from events import mailbox_rules
from events.mailbox_rules import Answer, Domain, Figures, Known
from events.sender_dns import Part, Verdict

FOUND = dict.fromkeys(map(str, Part), Verdict.FOUND)
GOOD = Known(
    domains=[Domain("example.eu", FOUND)],
    borrowed=[],
    must_be_encrypted=True,
    has_https=True,
    figures={name: Figures(50_000, 10, 100, 50_100, 6_000) for name in ("Gmail", "Yahoo", "Microsoft")},
)


def answers(**changes: Any) -> dict[tuple[str, str], Answer]:
    found = mailbox_rules.judge(dataclasses.replace(GOOD, **changes))
    return {(provider.name, rule.name): rule.answer for provider in found for rule in provider.rules}


def not_met(**changes: Any) -> set[str]:
    return {
        f"{where}: {name}" for (where, name), answer in answers(**changes).items() if answer is Answer.NOT_MET
    }


def test_all_is_met_but_what_gmail_tells_nobody() -> None:
    unknown = {pair for pair, answer in answers().items() if answer is not Answer.MET}
    assert unknown == {("Gmail", "Spam rate below 0.1 %, never 0.3 %")}
    assert [(each.not_met, each.unknown) for each in mailbox_rules.judge(GOOD)] == [(0, 1), (0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("part", "verdict", "rules"),
    [
        (
            Part.DKIM,
            Verdict.MISSING,
            {"SPF and DKIM", "The sender's domain is the one that signs (alignment)"},
        ),
        (Part.SPF, Verdict.WRONG, {"SPF and DKIM"}),
        (Part.MX, Verdict.MISSING, {"SPF and DKIM"}),
        (Part.DMARC, Verdict.MISSING, {"A DMARC policy, p=none at least"}),
    ],
)
def test_a_record_that_is_not_there_fails_everywhere(part: Part, verdict: Verdict, rules: set[str]) -> None:
    bad = Domain("other.example", FOUND | {part: verdict})
    expected = {f"{name}: {rule}" for name in ("Gmail", "Yahoo", "Microsoft") for rule in rules}
    assert not_met(domains=[*GOOD.domains, bad]) == expected


def test_what_was_not_looked_at_is_unknown_and_not_failed() -> None:
    assert not_met(domains=[]) == set()
    assert answers(domains=[])["Yahoo", "SPF and DKIM"] is Answer.UNKNOWN
    unanswered = Domain("example.eu", FOUND | {Part.DKIM: Verdict.UNKNOWN})
    assert answers(domains=[unanswered])["Gmail", "SPF and DKIM"] is Answer.UNKNOWN


def test_only_microsoft_asks_for_a_sender_that_can_be_answered() -> None:
    silent = Domain("example.eu", FOUND | {Part.REPLIES: Verdict.MISSING})
    assert not_met(domains=[silent]) == {"Microsoft: A sender that can be answered"}


def test_an_address_at_a_mailbox_provider_is_never_aligned() -> None:
    aligned = "The sender's domain is the one that signs (alignment)"
    assert not_met(borrowed=["shop@gmail.com"]) == {
        f"{name}: {aligned}" for name in ("Gmail", "Yahoo", "Microsoft")
    }


def test_without_https_there_is_no_one_click() -> None:
    rule = "One-click unsubscribe (RFC 8058), honoured within two days"
    assert not_met(has_https=False) == {f"Gmail: {rule}", f"Yahoo: {rule}"}


@pytest.mark.parametrize(
    ("delivered", "complained", "answer"),
    [
        (999, 900, Answer.UNKNOWN),
        (10_000, 9, Answer.MET),
        (10_000, 29, Answer.MET),
        (10_000, 30, Answer.NOT_MET),
    ],
)
def test_complaints_need_volume_and_stay_below_a_limit(
    delivered: int, complained: int, answer: Answer
) -> None:
    figures = {"Yahoo": Figures(delivered, complained, 0, delivered)}
    assert answers(figures=figures)["Yahoo", "Complaints below 0.3 %, better below 0.1 %"] is answer


@pytest.mark.parametrize(
    ("accepted", "bounced", "answer"),
    [(999, 500, Answer.UNKNOWN), (1_000, 49, Answer.MET), (1_000, 50, Answer.NOT_MET)],
)
def test_bounces_at_microsoft(accepted: int, bounced: int, answer: Answer) -> None:
    figures = {"Microsoft": Figures(accepted, 0, bounced, accepted)}
    assert answers(figures=figures)["Microsoft", "Few bounces (clean lists)"] is answer


@pytest.mark.parametrize(
    ("busiest", "words"), [(0, "No mail in 30 days"), (4_999, "so far"), (5_000, "hold for you")]
)
def test_whom_the_rules_for_bulk_senders_hold_for(busiest: int, words: str) -> None:
    known = dataclasses.replace(GOOD, figures={"Gmail": Figures(busiest=busiest)})
    assert words in mailbox_rules.judge(known)[0].applies


def test_a_strict_policy_is_said() -> None:
    strict = Domain("example.eu", FOUND, is_spf_strict=True, is_dkim_strict=True)
    gmail = mailbox_rules.judge(dataclasses.replace(GOOD, domains=[strict]))[0]
    assert any("is strict" in rule.reason for rule in gmail.rules)


def test_what_an_smtp_server_does_cannot_be_known() -> None:
    found = answers(is_by_smtp=True)
    assert not [pair for pair, answer in found.items() if answer is Answer.NOT_MET]
    assert {name for (_, name), answer in found.items() if answer is Answer.MET} == {
        "A DMARC policy, p=none at least",
        "One-click unsubscribe (RFC 8058), honoured within two days",
        "A visible link to unsubscribe",
        "A sender that can be answered",
    }


def test_nothing_of_amazon_is_said_or_asked_where_an_smtp_server_sends() -> None:
    known = dataclasses.replace(GOOD, is_by_smtp=True, must_be_encrypted=False)
    rules = [rule for provider in mailbox_rules.judge(known) for rule in provider.rules]
    assert not [rule for rule in rules if "Amazon" in rule.name + rule.reason + rule.cure]
    # Records of Amazon that are missing do not matter, those of the sender's own domain do.
    of_amazon = dict.fromkeys((Part.DKIM, Part.SPF, Part.MX), Verdict.MISSING)
    assert not_met(is_by_smtp=True, domains=[Domain("example.eu", FOUND | of_amazon)]) == set()
    assert not_met(
        is_by_smtp=True, domains=[Domain("example.eu", FOUND | {Part.OWN_SPF: Verdict.MISSING})]
    ) == {f"{name}: SPF and DKIM" for name in ("Gmail", "Yahoo", "Microsoft")}
    assert "Gmail: The sender's domain is the one that signs (alignment)" in not_met(
        is_by_smtp=True, borrowed=["shop@gmail.com"]
    )
