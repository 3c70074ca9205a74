from datetime import UTC, datetime
from typing import Any

import pytest

from subscribers.importing.columns import Column
from subscribers.importing.records import Record
from subscribers.importing.rows import Person, RefusedRow, RowReader

NOW = datetime(2026, 5, 1, tzinfo=UTC)
COLUMNS = {
    "email": Column("E-Mail", "email"),
    "name": Column("Name", "name"),
    "first": Column("First", "first_name"),
    "last": Column("Last", "last_name"),
    "city": Column("City", "field:city", "text"),
    "age": Column("Age", "field:age", "number"),
    "basis": Column("Basis", "consent_basis"),
    "at": Column("At", "consent_at"),
    "opens": Column("Opens", "opens"),
    "lang": Column("Language", "language"),
    "tags": Column("Tags", "tags"),
}


def read(**cells: Any) -> Any:
    reader = RowReader([COLUMNS[key] for key in cells], now=NOW)
    return reader.read(Record(2, list(cells.values())))


def test_a_person() -> None:
    person = read(
        email=" Ann@Example.com", name=" Ann  Lee ", city="=SUM(1)", age="41", tags="vip; new", lang="de_AT"
    )
    assert isinstance(person, Person)
    assert (person.email, person.name, person.language) == ("ann@example.com", "Ann Lee", "de-at")
    assert person.fields == {"city": "=SUM(1)", "age": 41}
    assert person.tags == ["vip", "new"]


def test_first_and_last_name_make_the_name_unless_there_is_one() -> None:
    assert read(email="a@b.co", last="Lee", first="Ann").name == "Ann Lee"
    assert read(email="a@b.co", name="Dr Lee", first="Ann").name == "Dr Lee"


def test_empty_cells_say_nothing() -> None:
    assert read(email="a@b.co", city="", age="", opens="").fields == {}


@pytest.mark.parametrize(
    ("cells", "basis"),
    [({}, None), ({"basis": ""}, ""), ({"basis": "Consent"}, "consent"), ({"basis": "yes"}, "consent"),
     ({"basis": "soft opt-in"}, "soft_opt_in"), ({"basis": "no"}, ""), ({"basis": "none"}, "")],
)  # fmt: skip
def test_the_basis_of_a_row(cells: Any, basis: Any) -> None:
    assert read(email="a@b.co", **cells).consent.basis == basis


def test_evidence() -> None:
    consent = read(email="a@b.co", at="2025-01-01", opens="no").consent
    assert consent.at == datetime(2025, 1, 1, tzinfo=UTC)
    assert consent.at_is_mapped
    assert consent.opens is False
    assert consent.clicks is None


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"email": "broken"}, "An email address must have an @-sign"),
        ({"email": ""}, "the address is empty"),
        ({"email": "a@b.co", "age": "old"}, "Age: “old” is not a number"),
        ({"email": "a@b.co", "at": "2027-01-01"}, "At: the moment of consent lies in the future"),
        ({"email": "a@b.co", "basis": "because"}, "Basis: “because” is not one of"),
        ({"email": "a@b.co", "opens": "perhaps"}, "Opens: “perhaps” is neither yes nor no"),
        ({"email": "a@b.co", "lang": "<script>"}, "Language: “<script>” is not a language code"),
        ({"email": "a@b.co", "name": "x" * 201}, "Name: the text is longer than 200"),
        ({"email": "a@b.co", "tags": "x" * 61}, "Tags: a tag is longer than 60"),
    ],
)
def test_refusals_carry_the_reason_and_the_original(cells: Any, reason: Any) -> None:
    refused = read(**cells)
    assert isinstance(refused, RefusedRow)
    assert refused.reason.lower().startswith(reason.lower())
    assert refused.cells == list(cells.values())


def test_a_row_that_could_not_be_read_is_refused_as_it_is() -> None:
    refused = RowReader([COLUMNS["email"]], now=NOW).read(Record(9, ["x"], "too many cells"))
    assert refused == RefusedRow(9, "too many cells", ["x"])
