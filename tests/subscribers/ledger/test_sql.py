"""Postgres makes the same bytes of a record as Python does."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from subscribers.ledger import encoding, sql
from subscribers.ledger.rows import personal_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
SALT = bytes(range(32))
pytestmark = pytest.mark.django_db


def ask(expression: str, *values: Any) -> object:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression}", values[0] if values and isinstance(values[0], dict) else values
        )
        found = cursor.fetchone()[0]
    return bytes(found) if isinstance(found, memoryview) else found


NAMES = encoding.Record._fields
# These are always of one length, as whoever writes records makes them.
FIXED = {"subject": 36, "occurred_at": 27, "recorded_at": 27, "commitment": 64}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(TEXT, min_size=18, max_size=18), st.sets(st.sampled_from(NAMES)))
def test_leaves(texts: list[str], shared: set[str]) -> None:
    record = {name: "f" * FIXED.get(name, 0) or text for name, text in zip(NAMES, texts, strict=True)}
    fields = {name: f"%({name})s::text" for name in NAMES if name not in shared}
    known = {name: record[name] for name in shared}
    assert ask(sql.leaf(fields, known), record) == encoding.leaf(encoding.Record(**record))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(TEXT, TEXT)
def test_commitments_and_json(email: str, said: str) -> None:
    evidence = encoding.canonical_json({"said": said})
    assert ask(sql.json_text("%s::text"), said) == encoding.canonical_text(said)
    expected = encoding.commitment(SALT, personal_text(email, "", evidence)) if email else None
    personal = f"""'{{"email":' || {sql.json_text("%s::text")} || ',"evidence":' || %s || '}}'"""
    if email:
        assert ask(sql.commitment("%s::bytea", personal), SALT, email, evidence) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - hypothesis adds the zone
def test_times(moment: dt.datetime) -> None:
    assert ask(sql.time_text("%s::timestamptz"), moment) == encoding.format_time(moment)


def test_each_record_of_each_chunk_has_a_salt_of_its_own() -> None:
    salts = [ask(sql.salt(f"({sql.SEED})", f"{position}::bigint")) for position in (0, 1, 1)]
    assert all(isinstance(salt, bytes) and len(salt) == 32 for salt in salts)
    assert len(set(salts)) == 3
    same = [ask(sql.salt("%s::bytea", f"{position}::bigint"), SALT) for position in (0, 1)]
    assert same[0] != same[1]


@pytest.mark.parametrize("fields", [{}, {"id": "'1'", "actor": "''"}, {"number": "'1'"}])
def test_each_field_of_a_record_is_said_once(fields: dict[str, str]) -> None:
    known = {name: "" for name in NAMES if name != "id"}
    with pytest.raises(encoding.EncodingError, match="each field"):
        sql.leaf(fields, known)
