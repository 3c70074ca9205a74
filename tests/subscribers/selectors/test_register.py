"""Pages of the register, one person's history, and what is said about the ledger's guards."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.ledger import checkpoints, keys, rows
from subscribers.models import ConsentPersonal, ConsentRecord, Subscriber
from subscribers.selectors import register
from subscribers.selectors.register import Filters
from subscribers.services import consent

pytestmark = pytest.mark.django_db


def fill(count: int) -> Subscriber:
    person = Subscriber.objects.create(email="ada@example.test", email_key=email_key("ada@example.test"))
    notice = consent.ensure_notice(purpose="marketing_email", text="Yes")
    entry = consent.ConsentEntry(
        subscriber_id=person.id, purpose="marketing_email", act="granted", lawful_basis="consent", method="import",
        source="file", occurred_at=clock.now(), actor="import:1", notice=notice,
    )  # fmt: skip
    consent.record_many(entries=[entry] * count)
    return person


def ids(page: register.RegisterPage) -> list[int]:
    return [record.id for record, _ in page.records]


@pytest.mark.parametrize("days", [0, 1, 40])
def test_pages_go_back_and_forth(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setattr(register, "PAGE_SIZE", 3)
    fill(8)
    today, around = clock.now().date(), dt.timedelta(days=days)
    filters = Filters(since=today - around, until=today + around) if days else Filters()
    assert filters.is_short is (days == 1)
    first = register.page(filters)
    assert (ids(first), first.newer, first.older) == ([8, 7, 6], None, 6)
    second = register.page(filters, before=first.older)
    assert (ids(second), second.newer, second.older) == ([5, 4, 3], 5, 3)
    last = register.page(filters, before=second.older)
    assert (ids(last), last.newer, last.older) == ([2, 1], 2, None)
    assert ids(register.page(filters, after=last.newer)) == [5, 4, 3]
    back = register.page(filters, after=second.newer)
    assert (ids(back), back.newer, back.older) == ([8, 7, 6], None, 6)
    assert ids(register.page(Filters(act="refused"))) == []


def test_a_page_costs_two_queries(django_assert_num_queries: Any) -> None:
    fill(30)
    with django_assert_num_queries(2):
        page = register.page(Filters())
    assert page.records[0][1] is not None


def test_filters_are_described_for_manifest_and_log() -> None:
    filters = Filters(since=dt.date(2026, 1, 31), purpose="profiling")
    assert filters.described() == {"since": "2026-01-31", "purpose": "profiling"}


def test_the_history_of_one_person_holds_the_wordings() -> None:
    person = fill(2)
    found = register.history(person.public_id)
    assert [record.id for record, _ in found] == [2, 1]
    assert found[0][1] is not None
    assert found[0][1].text == "Yes"


@pytest.mark.django_db(transaction=True)
def test_the_state_names_head_checkpoint_and_key(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "c.jsonl")
    settings.LEDGER_KEY_FILE = str(tmp_path / "k.pem")
    assert register.state().head is None
    fill(2)
    state = register.state()
    assert state.head is not None
    assert state.checkpoint is not None
    assert (state.head.last_id, state.checkpoint.last_id, state.warnings) == (2, 2, [])
    assert state.pem.startswith("-----BEGIN PUBLIC KEY-----")
    (tmp_path / "c.jsonl").unlink()
    assert "lags behind" in register.state().warnings[0]


def test_a_restored_register_is_held_against_the_checkpoints_up_to_its_end(
    settings: Any, tmp_path: Any, django_capture_on_commit_callbacks: Any
) -> None:
    path = tmp_path / "c.jsonl"
    settings.LEDGER_CHECKPOINT_FILE, settings.LEDGER_KEY_FILE = str(path), str(tmp_path / "k.pem")
    assert register.verify_restored()[1] is None
    with django_capture_on_commit_callbacks(execute=True):
        fill(2)
    # What came after the backup, signed by a key that the backup does not know yet.
    later = checkpoints.Checkpoint(2, 5, "ff" * 32, "2026-11-22T12:04:00.000000Z", "")
    checkpoints.CheckpointFile(path).append(later, keys.generate())
    report, lost = register.verify_restored()
    assert (report.ok, report.records, lost) == (True, 2, 3)
    head = register.state().head
    assert head is not None
    path.write_text(path.read_text().replace(bytes(head.block_hash).hex(), "00" * 32))
    assert not register.verify_restored()[0].ok


def test_the_applications_role_is_not_warned_of() -> None:
    assert register.role_warnings() == []


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_a_role_that_owns_or_may_change_the_ledger_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connections

    owner = connections["owner"]
    owner.settings_dict["NAME"] = connection.settings_dict["NAME"]
    owner.close()
    monkeypatch.setattr(register, "connection", owner)
    assert "owns the ledger" in register.role_warnings()[0]
    monkeypatch.undo()
    app = connection.settings_dict["USER"]
    with owner.cursor() as cursor:
        cursor.execute(f'GRANT DELETE ON subscribers_consentrecord TO "{app}"')
    try:
        assert "may change the ledger" in register.role_warnings()[0]
    finally:
        with owner.cursor() as cursor:
            cursor.execute(f'REVOKE DELETE ON subscribers_consentrecord FROM "{app}"')


def test_rows_made_by_postgres_are_those_of_the_models() -> None:
    texts = [
        "plain", "", 'a"b\\c\n\t\x01\x7f', "ü→😀\u2028", "%s {} '", "\x1f,\x1f,",
        *[f"{sign}1,1" for sign in rows.DANGEROUS],
    ]  # fmt: skip
    evidence: list[dict[str, Any]] = [
        {}, {"z": 1, "a": [None, True, {"ü": "x", "b": -3}]}, {"big": 2**70, "a": texts}, {"": ""}
    ]  # fmt: skip
    person = Subscriber.objects.create(email="ada@example.test", email_key=email_key("ada@example.test"))
    moments = [
        dt.datetime(999, 1, 2, 3, 4, 5, 6, dt.UTC),
        dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
        clock.now(),
    ]
    entries = [
        consent.ConsentEntry(
            subscriber_id=person.id, purpose="profiling", act="refused", lawful_basis="none", method="page",
            source=text, actor="person", occurred_at=moments[number % 3], evidence=evidence[number % 4],
            ip="192.0.2.1" if number % 2 else "", form=text, page=text,
        )
        for number, text in enumerate(texts * 2)
    ]  # fmt: skip
    consent.record_many(entries=entries)
    ConsentPersonal.objects.filter(pk=2).delete()
    records = register.with_personal(list(ConsentRecord.objects.order_by("id")))
    expected = [register.to_row(*pair) for pair in records]
    lines = register.lines_after(Filters(), after=0, limit=100)
    assert lines == [rows.csv_line(row) for row in expected]
    assert [line.is_erased for line in lines] == [row.is_erased for row in expected]
    assert list(rows.parse(lines)) == expected
    assert [line.id for line in register.lines_after(Filters(source="=1"), after=0, limit=100, until=10)] == [
        7
    ]
