"""Recording consent: gapless, sealed, append-only, and the profile follows."""

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import DatabaseError, InternalError, ProgrammingError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import (
    ConsentBlock,
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    Profile,
    Subscriber,
)
from subscribers.selectors import register
from subscribers.services import consent, unsubscribe

pytestmark = pytest.mark.django_db


def make(email: str = "ada@example.test") -> Subscriber:
    return Subscriber.objects.create(email=email, email_key=email_key(email))


def entry(person: Subscriber, act: str = "granted", **changes: Any) -> consent.ConsentEntry:
    fields: dict[str, Any] = {
        "subscriber_id": person.id, "purpose": "marketing_email", "act": act, "lawful_basis": "consent",
        "method": "import", "source": "file.csv", "occurred_at": clock.now(), "actor": "import:1",
        "evidence": {"statement": "ticked the box"},
    }  # fmt: skip
    return consent.ConsentEntry(**{**fields, **changes})


def own(person: Subscriber, act: str = "granted", **changes: Any) -> consent.ConsentEntry:
    return entry(person, act, **{"actor": "person", "method": "page", **changes})


def basis_of(person: Subscriber) -> str:
    return Profile.objects.get(subscriber_id=person.id).marketing_basis


def test_a_grant_is_written_sealed_and_derived(
    ledger_files: Any, django_capture_on_commit_callbacks: Any
) -> None:
    person = make()
    with django_capture_on_commit_callbacks(execute=True):
        record = consent.record(
            subscriber_id=person.id, purpose="marketing_email", act="granted", lawful_basis="consent",
            method="form", source="footer", occurred_at=clock.now(), actor="person", evidence={"box": "ticked"},
            ip="192.0.2.77", page="https://example.test/join?utm=1#x", form="footer", language="de",
        )  # fmt: skip
    assert (record.id, record.subject, record.page) == (1, person.public_id, "https://example.test/join")
    beside = ConsentPersonal.objects.get(record_id=1)
    assert (beside.email, beside.ip, beside.evidence) == (person.email, "192.0.2.0", {"box": "ticked"})
    block = ConsentBlock.objects.get()
    assert (block.number, block.first_id, block.last_id, block.count) == (1, 1, 1, 1)
    assert basis_of(person) == "consent"
    assert register.verify().lines()[-1].startswith("1 records (0 erased) in 1 blocks")


def test_a_chunk_is_one_block_and_the_next_one_continues(ledger_files: None) -> None:
    people = [make(f"p{n}@example.test") for n in range(7)]
    assert consent.record_many(entries=[entry(person) for person in people]) == range(1, 8)
    assert consent.record_many(entries=[entry(people[0], "withdrawn"), entry(people[1])]) == range(8, 10)
    assert list(ConsentBlock.objects.values_list("first_id", "last_id")) == [(1, 7), (8, 9)]
    first, second = ConsentBlock.objects.all()
    assert bytes(second.previous_hash) == bytes(first.block_hash)


def test_nothing_asked_writes_nothing() -> None:
    assert consent.record_many(entries=[]) == range(0)
    assert not ConsentBlock.objects.exists()


def test_a_rolled_back_record_leaves_no_gap() -> None:
    person = make()
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012 - what is rolled back is the point
        consent.record_many(entries=[entry(person)])
        raise RuntimeError
    assert consent.record_many(entries=[entry(person)]) == range(1, 2)


@pytest.mark.parametrize(
    ("acts", "basis"),
    [
        ([("granted", {})], "consent"),
        ([("requested", {})], "none"),
        ([("refused", {})], "none"),
        ([("granted", {}), ("withdrawn", {})], "withdrawn"),
        ([("granted", {}), ("objected", {"lawful_basis": "none"})], "withdrawn"),
        ([("withdrawn", {})], "withdrawn"),
        ([("withdrawn", {}), ("granted", {})], "withdrawn"),
        ([("withdrawn", {}), ("granted", {"actor": "person", "method": "form"})], "withdrawn"),
        ([("withdrawn", {}), ("granted", {"actor": "user:1", "method": "page"})], "withdrawn"),
        ([("withdrawn", {}), ("granted", {"actor": "person", "method": "page"})], "consent"),
        ([("withdrawn", {}), ("granted", {"actor": "person", "method": "double_opt_in"})], "consent"),
        ([("refused", {}), ("granted", {})], "none"),
        ([("granted", {"lawful_basis": "soft_opt_in", "evidence": {
            "order": "1", "order_date": "2026-01-01", "similar_products": True, "opt_out_offered": True}})],
         "soft_opt_in"),
        ([("withdrawn", {"form": "list:x"}), ("granted", {})], "consent"),
        ([("granted", {}), ("withdrawn", {"form": "list:x"})], "consent"),
        ([("granted", {}), ("withdrawn", {"purpose": "open_tracking"})], "consent"),
        ([("granted", {"lawful_basis": "contract", "evidence": {"contract": "7"}})], "none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
def test_what_the_ledger_says_is_what_the_profile_holds(
    acts: list[tuple[str, dict[str, Any]]], basis: str, at_once: bool
) -> None:
    person = make()
    entries = [entry(person, act, **changes) for act, changes in acts]
    if at_once:
        consent.record_many(entries=entries)
    else:
        for one in entries:
            consent.record_many(entries=[one])
    assert basis_of(person) == basis


def test_other_bases_and_tracking_are_derived_apart() -> None:
    person = make()
    tracking: dict[str, Any] = {"lawful_basis": "consent", "evidence": {"box": "yes"}}
    consent.record_many(
        entries=[
            entry(person, lawful_basis="contract", evidence={"contract": "7"}),
            entry(person, lawful_basis="legitimate_interest", evidence={"assessment": "LIA-1"}),
            entry(person, purpose="open_tracking", **tracking),
            entry(person, purpose="click_tracking", **tracking),
        ]
    )
    profile = Profile.objects.get(subscriber_id=person.id)
    assert (profile.contract_basis, profile.service_basis) == (True, True)
    assert (profile.opens_allowed, profile.clicks_allowed) == (True, True)
    consent.record_many(entries=[own(person, "withdrawn", purpose="open_tracking")])
    profile.refresh_from_db()
    assert (profile.opens_allowed, profile.clicks_allowed) == (False, True)
    consent.record_many(entries=[entry(person, purpose="open_tracking")])
    profile.refresh_from_db()
    assert not profile.opens_allowed
    consent.record_many(entries=[entry(person, "withdrawn", lawful_basis="contract")])
    consent.record_many(entries=[entry(person, lawful_basis="contract", evidence={"contract": "8"})])
    profile.refresh_from_db()
    assert profile.contract_basis


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"purpose": "spam"}, "'spam' is no purpose"),
        ({"act": "maybe"}, "'maybe' is no act"),
        ({"lawful_basis": "hope"}, "'hope' is no lawful_basis"),
        ({"method": "guess"}, "'guess' is no method"),
        ({"lawful_basis": "none"}, "a grant needs a lawful basis"),
        ({"evidence": {}}, "consent needs the wording that was shown, or other evidence"),
        ({"lawful_basis": "soft_opt_in"},
         "soft_opt_in needs evidence: order, order_date, similar_products, opt_out_offered"),
        ({"lawful_basis": "contract"}, "contract needs evidence: contract"),
        ({"lawful_basis": "legitimate_interest"}, "legitimate_interest needs evidence: assessment"),
        ({"purpose": "open_tracking", "lawful_basis": "contract"},
         "tracking and profiling need consent; no other basis carries them"),
        ({"actor": ""}, "a consent needs somebody who acted"),
        ({"occurred_at": dt.datetime(2026, 1, 1)}, "the time of a consent needs a time zone"),  # noqa: DTZ001 - without one, on purpose
        ({"occurred_at": dt.datetime(2999, 1, 1, tzinfo=dt.UTC)}, "a consent cannot lie in the future"),
        ({"subscriber_id": 999_999_999}, "no subscriber 999999999"),
        ({"evidence": {"price": 9.95}}, "a float has no canonical form; write it as text"),
        ({"evidence": {"name": "a\0b"}}, "a text with a NUL cannot be stored"),
        ({"source": "\ud800"}, "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_refused_and_changes_nothing(changes: dict[str, Any], words: str) -> None:
    person = make()
    with pytest.raises(consent.ConsentError) as caught:
        consent.record_many(entries=[entry(person), entry(person, **changes)])
    assert str(caught.value) == words
    assert not ConsentRecord.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [("192.0.2.77", "192.0.2.0"), (" 2001:db8:1:2:3::4 ", "2001:db8:1::"), ("", ""), ("nonsense", "")],
)
def test_an_address_is_cut_to_its_network(given: str, kept: str) -> None:
    assert consent.minimise_ip(given) == kept


def test_a_wording_is_kept_once_and_a_new_one_is_a_new_version() -> None:
    first = consent.ensure_notice(purpose="marketing_email", text="Yes, send me news.")
    assert consent.ensure_notice(purpose="marketing_email", text="Yes, send me news.") == first
    second = consent.ensure_notice(purpose="marketing_email", text="Yes, send me news!")
    german = consent.ensure_notice(purpose="marketing_email", text="Ja, bitte.", language="de")
    assert [first.version, second.version, german.version] == [1, 2, 1]
    assert len({first.hash, second.hash, german.hash}) == 3


@pytest.mark.parametrize(("purpose", "text"), [("marketing_email", " "), ("spam", "x")])
def test_a_notice_needs_purpose_and_words(purpose: str, text: str) -> None:
    with pytest.raises(consent.ConsentError):
        consent.ensure_notice(purpose=purpose, text=text)


@pytest.mark.parametrize("model", [ConsentRecord, ConsentBlock, ConsentNotice])
@pytest.mark.parametrize("statement", ["UPDATE {} SET language = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_may_not_change_the_ledger(model: Any, statement: str) -> None:
    consent.ensure_notice(purpose="marketing_email", text="x")
    consent.record_many(entries=[entry(make())])
    if model is ConsentBlock:
        statement = statement.replace("language = 'x'", "count = 2")
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(model._meta.db_table))


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("table", ["consentrecord", "consentblock", "consentnotice", "signingkey"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_changes_the_ledger(table: str, statement: str, ledger_files: None) -> None:
    consent.ensure_notice(purpose="marketing_email", text="x")
    consent.record_many(entries=[entry(make())])
    column = {
        "consentrecord": "id",
        "consentblock": "number",
        "consentnotice": "hash",
        "signingkey": "key_id",
    }[table]
    with (
        pytest.raises((DatabaseError, InternalError), match="is append-only"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute(statement.format(f"subscribers_{table}", column, column))


@pytest.mark.django_db(transaction=True)
def test_the_checkpoint_is_written_after_the_commit_only(ledger_files: Any) -> None:
    person = make()
    with pytest.raises(RuntimeError), transaction.atomic():  # noqa: PT012 - what is rolled back is the point
        consent.record_many(entries=[entry(person)])
        raise RuntimeError
    assert not ledger_files.checkpoints.exists()
    consent.record_many(entries=[entry(person)])
    assert len(ledger_files.checkpoints.read_bytes().splitlines()) == 1
    assert register.verify().ok


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain_without_gaps_or_deadlocks(ledger_files: Any) -> None:
    people = [make(f"p{number}@example.test") for number in range(4)]
    errors: list[Exception] = []

    def write(turn: int) -> None:
        try:
            for step in range(5):
                some = people[turn:] + people[:turn]
                consent.record_many(entries=[entry(person) for person in some[: 1 + step % 3]])
                unsubscribe.leave_all(subscriber_id=some[0].id, source=f"run:{step}", method="one_click")
        except Exception as error:  # noqa: BLE001 - told to the test below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    report = register.verify()
    assert (report.lines()[1:], report.ok) == ([report.lines()[-1]], True)
    assert ConsentRecord.objects.count() == ConsentRecord.objects.latest("id").id


def test_a_known_wording_is_found_without_a_lock() -> None:
    notice = consent.ensure_notice(purpose="marketing_email", text="Yes")
    with CaptureQueriesContext(connection) as queries:
        assert consent.ensure_notice(purpose="marketing_email", text="Yes") == notice
    assert not any("pg_advisory" in query["sql"] for query in queries)
