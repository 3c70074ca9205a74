"""Whatever is written as text of an array, Postgres reads back as it was."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailplatform.core import arrays

pytestmark = pytest.mark.django_db
_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def read(literal: str, kind: str) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", (literal,))
        row = cursor.fetchone()
    assert row is not None
    return list(row[0])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(_text | st.sampled_from(["NULL", '"', "\\", "{}", ",", '","', "", " "]), max_size=6))
def test_texts(db: None, values: list[str]) -> None:
    assert read(arrays.texts(values), "text") == values


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.binary(max_size=8), max_size=4))
def test_blobs(db: None, values: list[bytes]) -> None:
    assert [bytes(value) for value in read(arrays.blobs(values), "bytea")] == values  # type: ignore[call-overload]


def test_numbers_times_and_nothing() -> None:
    at = datetime(2026, 3, 9, 1, 2, 3, 4, tzinfo=UTC)
    assert read(arrays.plain([1, None, -2]), "bigint") == [1, None, -2]
    assert read(arrays.plain([True, False]), "boolean") == [True, False]
    assert read(arrays.times([at, None]), "timestamptz") == [at, None]
    assert read(arrays.plain([]), "bigint") == []
