"""Severity of outcomes, and who is suppressed."""

import pytest

from events import kinds
from events.ingest import merging
from events.kinds import Kind, Outcome
from events.models import EventType, OutcomeState
from events.selectors import timeline
from events.services import recounting


def test_a_late_delivery_never_outweighs_a_complaint_or_a_bounce() -> None:
    delivered = kinds.outcome_of(Kind.DELIVERY, "", "")
    assert delivered < kinds.outcome_of(Kind.SOFT_BOUNCE, "Transient", "MailboxFull")
    assert delivered < kinds.outcome_of(Kind.BOUNCE, "Permanent", "General")
    assert delivered < kinds.outcome_of(Kind.COMPLAINT, "abuse", "")


@pytest.mark.parametrize(
    ("kind", "subtype", "reason"),
    [
        (Kind.BOUNCE, "Permanent", "bounce"),
        (Kind.SOFT_BOUNCE, "Transient", ""),
        (Kind.SOFT_BOUNCE, "Undetermined", ""),
        (Kind.COMPLAINT, "abuse", "complaint"),
        (Kind.COMPLAINT, "", "complaint"),
        (Kind.COMPLAINT, "something-new", "complaint"),
        (Kind.COMPLAINT, "not-spam", ""),
        (Kind.DELIVERY, "", ""),
        (Kind.UNKNOWN, "Permanent", ""),
    ],
)
def test_who_must_not_be_mailed_again(kind: Kind, subtype: str, reason: str) -> None:
    assert kinds.suppression_reason(kind, subtype) == reason


@pytest.mark.parametrize(
    ("bounce_type", "kind"),
    [
        ("Permanent", Kind.BOUNCE),
        ("Transient", Kind.SOFT_BOUNCE),
        ("Undetermined", Kind.SOFT_BOUNCE),
        ("New", Kind.SOFT_BOUNCE),
    ],
)
def test_only_permanent_bounces_are_hard(bounce_type: str, kind: Kind) -> None:
    assert kinds.bounce_kind(bounce_type) is kind


@pytest.mark.parametrize(
    ("detail", "diagnostic", "expected"),
    [
        ("General", "smtp; 550 5.1.1 user unknown", "NoEmail"),
        ("", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "NoEmail"),
        ("General", "550 5.7.1 refused", "General"),
        ("General", "host 15.1.1.9 said no", "General"),
        ("MailboxFull", "5.1.1", "MailboxFull"),
    ],
)
def test_status_code_says_that_nobody_lives_there(detail: str, diagnostic: str, expected: str) -> None:
    assert kinds.bounce_detail(detail, diagnostic) == expected


def test_not_spam_is_no_complaint() -> None:
    assert kinds.outcome_of(Kind.COMPLAINT, "not-spam", "") is Outcome.DELIVERED


def test_bounces_off_our_own_list_do_not_count_for_reputation() -> None:
    assert not kinds.counts_for_reputation("OnAccountSuppressionList")
    assert kinds.counts_for_reputation("Suppressed")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_an_outcome(kind: Kind) -> None:
    assert kinds.outcome_of(kind, "", "") in set(Outcome)


def test_complaint_off_the_accounts_own_list_was_never_delivered() -> None:
    assert kinds.outcome_of(Kind.COMPLAINT, "", "OnAccountSuppressionList") is Outcome.HARD_BOUNCE


def test_every_type_of_event_has_what_the_guide_asks_for() -> None:
    """docs/events.md, "Adding a type of event"."""
    assert {kind.value for kind in Kind} <= set(EventType.values) <= set(timeline.LOOKS)
    states = {int(outcome) for outcome in Outcome} - {int(Outcome.NONE)}
    assert states == set(OutcomeState.values) == set(merging.GROUP_TYPES)
    # A new state must also be recounted; every other group of people is named there with its number.
    assert all(f"WHEN {state} " in recounting._PEOPLE for state in states - {int(Outcome.COMPLAINT)})
