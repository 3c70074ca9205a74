"""The rule that decides who may be mailed: its SQL and its oracle agree on every combination."""

import datetime as dt
import itertools
from typing import Any, get_args

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Call, Delivery, Run
from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import (
    BlockedDomain,
    MarketingBasis,
    Profile,
    Subscriber,
    Suppression,
    SuppressionReason,
)
from subscribers.selectors import eligibility
from subscribers.selectors.eligibility import GRACE, Facts, Kind, reason_for, reason_sql
from tests.factories.events import make_run

KINDS: tuple[Kind, ...] = get_args(Kind)
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WEEK = dt.timedelta(days=7)
REASONS = [*SuppressionReason.values]


def reasons_in_sql(kind: Kind, numbers: list[int]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reason_sql(kind, subscriber='who', profile='what', now=NOW)}"  # noqa: S608 - the statement under test
            " FROM unnest(%s::bigint[]) WITH ORDINALITY AS ids (id, place)"
            " LEFT JOIN subscribers_subscriber who ON who.id = ids.id"
            " LEFT JOIN subscribers_profile what ON what.subscriber_id = ids.id ORDER BY place",
            [numbers],
        )
        return [row[0] for row in cursor.fetchall()]


def mailable_by_subtraction(kind: Kind) -> int:
    """Count as for millions: by the profiles, less those whom something else keeps back."""
    allowed = f"subscribers_profile p WHERE {eligibility.profile_allows_sql(kind, now=NOW)}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {allowed}")  # noqa: S608 - made of the rules
        everybody = cursor.fetchone()[0]
        cursor.execute(
            f"SELECT count(*) FROM subscribers_subscriber s, {allowed} AND s.id = p.subscriber_id"  # noqa: S608 - made of the rules
            f" AND s.id IN ({eligibility.kept_back_among_sql(kind)}) AND {reason_sql(kind, now=NOW)} <> ''"
        )
        return int(everybody - cursor.fetchone()[0])


def reasons_of_many(kind: Kind, numbers: list[int]) -> list[str]:
    reason = eligibility.reason_of_many_sql(kind, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reason} FROM unnest(%s::bigint[]) WITH ORDINALITY AS ids (id, place)"  # noqa: S608 - the statement under test
            " LEFT JOIN subscribers_profile p ON p.subscriber_id = ids.id"
            f" LEFT JOIN ({eligibility.kept_back_among_sql(kind)}) k (id) ON k.id = ids.id"
            " LEFT JOIN subscribers_subscriber s ON s.id = k.id ORDER BY place",
            [numbers],
        )
        return [row[0] for row in cursor.fetchall()]


def store(facts: Facts, number: int) -> int:
    """Bring one person's facts into the database; return their number (or nobody's)."""
    if not facts.exists:
        return 10_000_000 + number
    email = f"p{number}@example.test"
    person = Subscriber.objects.create(email=email, email_key=email_key(email))
    if facts.marketing_basis is not None:
        Profile.objects.create(
            subscriber_id=person.id,
            joined_at=NOW,
            marketing_basis=facts.marketing_basis,
            contract_basis=facts.contract_basis,
            service_basis=facts.service_basis,
            paused_until=facts.paused_until,
            mail_gap_days=facts.mail_gap_days,
        )
    if facts.last_marketing_at is not None:
        mail_to(person.pk, facts.last_marketing_at)
    if facts.domain_blocked:
        Subscriber.objects.filter(pk=person.pk).update(email=f"p{number}@blocked.test")
    for reason in facts.suppressions:
        Suppression.objects.create(email_key=person.email_key, reason=reason, source="test")
    for reason in set(REASONS) - facts.suppressions:  # lifted ones do not count
        Suppression.objects.create(email_key=person.email_key, reason=reason, source="test", lifted_at=NOW)
    return person.id


def mail_to(number: int, at: dt.datetime, *, kind: str = "marketing", **delivery: Any) -> None:
    """Give the person a mail of the run of this kind, made when it is first asked for."""
    run = Run.objects.filter(frozen__kind=kind).first() or make_run(kind=kind)
    state = delivery.pop("state", "accepted")
    Delivery.objects.create(
        run_id=run.pk, subscriber_id=number, state=state, message_id=f"m{number}", at=at, **delivery
    )


def some_facts() -> st.SearchStrategy[Facts]:
    moments = st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR])
    with_profile = st.builds(
        Facts,
        suppressions=st.frozensets(st.sampled_from(REASONS)),
        marketing_basis=st.sampled_from(MarketingBasis.values),
        contract_basis=st.booleans(),
        service_basis=st.booleans(),
        paused_until=moments,
        domain_blocked=st.booleans(),
        mail_gap_days=st.sampled_from([None, 7, 28]),
        last_marketing_at=st.sampled_from([None, NOW - HOUR, NOW - WEEK, NOW - WEEK + GRACE, NOW - 4 * WEEK]),
    )
    without = st.builds(Facts, suppressions=st.frozensets(st.sampled_from(REASONS)))
    return st.one_of(with_profile, without, st.just(Facts(exists=False)))


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(some_facts(), min_size=1, max_size=8))
def test_the_sql_is_the_oracle(people: list[Facts]) -> None:
    with transaction.atomic():
        BlockedDomain.objects.create(domain="blocked.test", reason="test")
        BlockedDomain.objects.create(domain="example.test", reason="lifted again", lifted_at=NOW)
        BlockedDomain.objects.create(domain="test", reason="not the domain of anybody here")
        numbers = [store(facts, number) for number, facts in enumerate(people)]
        for kind in KINDS:
            reasons = [reason_for(kind, facts, now=NOW) for facts in people]
            assert reasons_in_sql(kind, numbers) == reasons
            assert mailable_by_subtraction(kind) == reasons.count("")
            found = [
                (number, reason)
                for number, reason, facts in zip(numbers, reasons, people, strict=True)
                if facts.exists
            ]
            assert reasons_of_many(kind, [number for number, _ in found]) == [reason for _, reason in found]
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_sql_is_the_oracle_on_every_combination() -> None:
    combinations = itertools.product(
        [frozenset[str](), *(frozenset({reason}) for reason in REASONS), frozenset(REASONS)],
        [None, *MarketingBasis.values],
        [False, True],
        [None, NOW + HOUR],
    )
    people = [
        Facts(
            suppressions=reasons,
            marketing_basis=basis,
            contract_basis=flag and basis is not None,
            paused_until=until if basis else None,
        )
        for reasons, basis, flag, until in combinations
    ]
    numbers = [store(facts, number) for number, facts in enumerate(people)]
    for kind in KINDS:
        assert reasons_in_sql(kind, numbers) == [reason_for(kind, facts, now=NOW) for facts in people]


@pytest.mark.parametrize(
    ("facts", "marketing", "contract", "service"),
    [
        (Facts(), "no_basis", "no_basis", "no_basis"),
        (Facts(exists=False), "erased", "erased", "erased"),
        (Facts(marketing_basis="none"), "no_basis", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent"), "", "no_basis", "no_basis"),
        (Facts(marketing_basis="soft_opt_in"), "", "no_basis", "no_basis"),
        (Facts(marketing_basis="withdrawn"), "withdrawn", "no_basis", "no_basis"),
        (Facts(marketing_basis="none", contract_basis=True), "no_basis", "", ""),
        (Facts(marketing_basis="none", service_basis=True), "no_basis", "no_basis", ""),
        (Facts(marketing_basis="consent", paused_until=NOW + HOUR), "paused", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent", paused_until=NOW), "", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent", mail_gap_days=7, last_marketing_at=NOW - WEEK + GRACE + HOUR),
         "too_soon", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent", mail_gap_days=7, last_marketing_at=NOW - WEEK + GRACE), "", "no_basis",
         "no_basis"),
        (Facts(marketing_basis="consent", contract_basis=True, mail_gap_days=28, last_marketing_at=NOW - 2 * WEEK),
         "too_soon", "", ""),
        (Facts(marketing_basis="consent", mail_gap_days=7), "", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent", last_marketing_at=NOW), "", "no_basis", "no_basis"),
        (Facts(marketing_basis="consent", suppressions=frozenset({"bounce"})), "bounced", "bounced", "bounced"),
        (Facts(marketing_basis="consent", contract_basis=True, suppressions=frozenset({"unsubscribe"})),
         "unsubscribed", "", ""),
        (Facts(contract_basis=True, suppressions=frozenset({"complaint"})), "complained", "complained", "complained"),
        (Facts(marketing_basis="consent", suppressions=frozenset({"manual"})), "blocked", "blocked", "blocked"),
        (Facts(marketing_basis="consent", contract_basis=True, domain_blocked=True), "blocked", "blocked", "blocked"),
        (Facts(marketing_basis="consent", suppressions=frozenset(REASONS)), "erased", "erased", "erased"),
    ],
)  # fmt: skip
def test_the_rule_in_plain_cases(facts: Facts, marketing: str, contract: str, service: str) -> None:
    assert [reason_for(kind, facts, now=NOW) for kind in KINDS] == [marketing, contract, service]


@given(some_facts())
def test_nobody_is_mailed_for_marketing_without_a_basis(facts: Facts) -> None:
    if reason_for("marketing", facts, now=NOW) == "":
        assert facts.marketing_basis in {"consent", "soft_opt_in"}
        assert not facts.suppressions
        assert not facts.domain_blocked


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "delivery", "reason"),
    [
        ("marketing", {"state": "accepted"}, "too_soon"),
        ("marketing", {"state": "unresolved", "reason": "lost_answer"}, "too_soon"),
        # It is this very mail that is to be sent again.
        ("marketing", {"state": "unresolved", "reason": "resend"}, ""),
        ("marketing", {"state": "failed"}, ""),
        ("marketing", {"state": "skipped"}, ""),
        ("contract", {"state": "accepted"}, ""),
    ],
)
def test_only_a_marketing_mail_that_went_out_or_may_have_counts_for_less_often(
    kind: str, delivery: dict[str, str], reason: str
) -> None:
    number = store(Facts(marketing_basis="consent", mail_gap_days=7), 1)
    mail_to(number, NOW - HOUR, kind=kind, **delivery)
    assert reasons_in_sql("marketing", [number]) == [reason]


@pytest.mark.django_db
def test_a_mail_that_is_in_flight_counts_for_less_often() -> None:
    number = store(Facts(marketing_basis="consent", mail_gap_days=7), 1)
    Call.objects.create(
        run_id=make_run().pk, subscriber_ids=[number], configuration_set="none", lease_until=NOW + HOUR
    )
    assert reasons_in_sql("marketing", [number]) == ["too_soon"]


@pytest.mark.django_db
def test_a_run_that_ended_long_ago_is_not_looked_at_and_one_that_goes_on_is() -> None:
    number = store(Facts(marketing_basis="consent", mail_gap_days=28), 1)
    mail_to(number, NOW - HOUR)
    Run.objects.update(finished_at=NOW - 5 * WEEK)
    assert reasons_in_sql("marketing", [number]) == [""]
    Run.objects.update(finished_at=None, launched_at=NOW - 50 * WEEK)
    assert reasons_in_sql("marketing", [number]) == ["too_soon"]


@pytest.mark.parametrize("rule", eligibility.RULES, ids=lambda rule: rule.words)
def test_a_rule_that_asks_for_more_than_the_profile_says_whom_it_can_apply_to(rule: eligibility.Rule) -> None:
    assert bool(rule.among) == any(name in rule.sql for name in ("{s}", "{mailed}"))


def test_every_code_has_words() -> None:
    assert {rule.code for rule in eligibility.RULES} <= eligibility.REASONS.keys()


def test_another_kind_is_refused() -> None:
    kind: Any = "newsletter"
    with pytest.raises(ValueError, match="no such kind"):
        reason_for(kind, Facts())
    with pytest.raises(ValueError, match="no such kind"):
        reason_sql(kind)


def test_the_sql_holds_no_parameter_and_takes_the_time_from_the_clock(time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    assert "%" not in reason_sql("marketing")
    assert "'2026-03-01T12:00:00+00:00'::timestamptz" in reason_sql("marketing")
    assert clock.now() == NOW
