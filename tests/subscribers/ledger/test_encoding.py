"""The canonical bytes: one form only, and every field in it."""

import datetime as dt
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.ledger import encoding
from subscribers.ledger.encoding import EncodingError, Record

RECORD = Record(
    id="1", schema_version="1", subject="00000000-0000-0000-0000-000000000001", purpose="marketing_email",
    act="granted", lawful_basis="consent", method="form", notice_hash="", notice_version="0", language="en",
    form="footer", page="https://example.test/", source="", actor="person", confirms="0",
    occurred_at="2026-01-31T09:30:00.000000Z", recorded_at="2026-01-31T09:30:00.000000Z", commitment="00" * 32,
)  # fmt: skip


def test_a_leaf_never_changes_its_bytes() -> None:
    # Fixed for ever: an export made today must verify in ten years.
    assert (
        encoding.encode(RECORD)[:36]
        == b"mailplatform-consent-1\n\x00\x00\x00\x011\x00\x00\x00\x011\x00\x00\x00"
    )
    assert encoding.leaf(RECORD).hex() == sha256(b"\x00" + encoding.encode(RECORD)).hexdigest()
    assert encoding.leaf(RECORD).hex() == "dad67e63f2fb3fbe26f6a4711d96f1a9c939c0a5484deb1289aebaa04aa3570c"


@pytest.mark.parametrize("field", Record._fields)
def test_every_field_is_part_of_the_leaf(field: str) -> None:
    assert encoding.leaf(RECORD._replace(**{field: "changed"})) != encoding.leaf(RECORD)


@given(st.lists(st.text(), min_size=18, max_size=18), st.lists(st.text(), min_size=18, max_size=18))
def test_two_records_have_the_same_bytes_only_if_they_are_the_same(one: list[str], other: list[str]) -> None:
    try:
        first, second = encoding.encode(Record(*one)), encoding.encode(Record(*other))
    except UnicodeEncodeError:
        return
    assert (first == second) == (one == other)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["a" * 127, "a" * 128])))
def test_packing_many_is_packing_each(texts: list[str]) -> None:
    assert encoding.pack(texts) == b"".join(map(encoding.pack_one, texts))


def test_moving_a_character_across_a_border_changes_the_leaf() -> None:
    assert encoding.leaf(RECORD._replace(form="ab", page="c")) != encoding.leaf(
        RECORD._replace(form="a", page="bc")
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "{}"),
        ({"b": 1, "a": "ü"}, '{"a":"ü","b":1}'),
        ({"x": [True, None, {"z": 0, "y": "\n"}]}, '{"x":[true,null,{"y":"\\n","z":0}]}'),
    ],
)
def test_canonical_json(data: dict[str, Any], text: str) -> None:
    assert encoding.canonical_json(data) == text


@pytest.mark.parametrize(
    "data",
    [{"a": 1.5}, {"a": [{"b": float("nan")}]}, {1: "a"}, {"a": {2: "b"}}, {"a": object()}, {"a": "\0"}],
)
def test_what_has_no_canonical_json_is_refused(data: Any) -> None:
    with pytest.raises(EncodingError):
        encoding.canonical_json(data)


def test_a_commitment_hides_and_binds() -> None:
    salt = bytes(32)
    assert encoding.commitment(salt, "{}") == sha256(b"\x02" + salt + b"{}").digest()
    assert encoding.commitment(b"\x01" * 32, "{}") != encoding.commitment(salt, "{}")
    with pytest.raises(EncodingError):
        encoding.commitment(b"short", "{}")


@given(st.datetimes(min_value=dt.datetime(1970, 1, 2), timezones=st.just(dt.UTC)))  # noqa: DTZ001 - hypothesis adds it
def test_times_read_back(moment: dt.datetime) -> None:
    assert encoding.parse_time(encoding.format_time(moment)) == moment


def test_times_are_utc() -> None:
    berlin = dt.timezone(dt.timedelta(hours=2))
    assert encoding.format_time(dt.datetime(2026, 7, 1, 1, tzinfo=berlin)) == "2026-06-30T23:00:00.000000Z"


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(EncodingError):
        encoding.format_time(dt.datetime(2026, 7, 1))  # noqa: DTZ001 - without one, on purpose
    with pytest.raises(EncodingError):
        encoding.parse_time("2026-07-01 00:00:00")


def test_the_hash_of_a_notice_covers_version_language_purpose_and_words() -> None:
    base: dict[str, Any] = {"version": 1, "language": "en", "purpose": "profiling", "text": "Yes"}
    changed: list[dict[str, Any]] = [
        {"version": 2},
        {"language": "de"},
        {"purpose": "open_tracking"},
        {"text": "yes"},
    ]
    assert len({encoding.notice_hash(**{**base, **change}) for change in [{}, *changed]}) == 5
