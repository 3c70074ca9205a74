"""The made-up people of the demo."""

import csv
from pathlib import Path

from mailplatform.management.demo import people


def test_the_same_people_come_out_every_time() -> None:
    assert list(people.everybody(50)) == list(people.everybody(50))


def test_there_are_five_thousand_and_each_address_is_one_person() -> None:
    addresses = [person.row["email"] for person in people.everybody()]
    assert len(addresses) == len({address.lower() for address in addresses}) == 5_000


def test_exactly_three_complain_and_about_two_in_a_hundred_bounce() -> None:
    addresses = [person.row["email"] for person in people.everybody()]
    assert sum(address.startswith("complaint+") for address in addresses) == 3
    assert sum(address.startswith("bounce+") for address in addresses) == 100


def test_three_segments_and_some_people_without_basis_or_tracking() -> None:
    rows = [person.row for person in people.everybody()]
    assert {row["segment"] for row in rows} == {"new_customers", "loyal_customers", "vip_customers"}
    assert 50 < sum(not row["consent_basis"] for row in rows) < 300
    assert 1_000 < sum(row["open_tracking"] == "no" for row in rows) < 3_000
    assert all(row["open_tracking"] == "no" for row in rows if not row["consent_basis"])


def test_some_people_leave_and_only_such_as_had_consented() -> None:
    leaving = [person for person in people.everybody() if person.leaves]
    assert 50 < len(leaving) < 200
    assert all(person.row["consent_basis"] == "consent" for person in leaving)


def test_nobody_has_an_address_that_reaches_someone() -> None:
    domains = {person.row["email"].rsplit("@", 1)[1] for person in people.everybody(500)}
    assert domains <= {"simulator.amazonses.com", "example.com", "example.org", "example.net"}


def test_the_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    made = list(people.everybody(20))
    people.write_csv(tmp_path / "people.csv", made)
    with (tmp_path / "people.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [person.row for person in made]
