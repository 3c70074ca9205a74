"""Writing many records at once gives the bytes that one record has, and lines that Postgres reads back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.ledger import encoding, writing
from subscribers.ledger.rows import personal_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SUBJECT = "00000000-0000-0000-0000-000000000001"
TIME = "2026-01-31T09:30:00.000000Z"
_UNESCAPE = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def cells(line: str) -> list[str]:
    """Read a line of COPY's text form."""
    assert line.endswith("\n")
    return [re.sub(r"\\.", lambda found: _UNESCAPE[found[0]], cell) for cell in line[:-1].split("\t")]


def draft(shared: list[str], **changes: Any) -> writing.Draft:
    given = {"subscriber_id": 7, "subject": SUBJECT, "email": "a@b.test", "email_key": "ab" * 32, "ip": "",
             "evidence": "", "occurred_at": TIME}  # fmt: skip
    return writing.Draft(**{**given, **changes}, shared=writing.share(shared))


@given(st.lists(st.lists(TEXT, min_size=12, max_size=12), min_size=1, max_size=4), TEXT, TEXT)
def test_leaves_and_lines_are_those_of_single_records(many: list[list[str]], email: str, said: str) -> None:
    evidence = encoding.canonical_json({"said": said})
    salts = bytes(range(32)) * len(many)
    drafts = [draft(shared, email=email, evidence=evidence) for shared in many]
    made = writing.write(drafts, first_id=98, recorded_at=TIME, salts=salts)
    commitment = encoding.commitment(bytes(range(32)), personal_text(email, "", evidence)).hex()
    for number, shared in enumerate(many):
        record = encoding.Record(*[str(98 + number), "1", SUBJECT, *shared, TIME, TIME, commitment])
        assert made.leaves[number] == encoding.leaf(record)
        assert cells(made.records[number]) == [*record[:-1], f"\\x{commitment}"]
        assert cells(made.personal[number]) == [
            record.id, "7", email, "\\x" + "ab" * 32, "", evidence, f"\\x{bytes(range(32)).hex()}"
        ]  # fmt: skip


def test_each_record_has_its_own_salt_and_a_person_without_evidence_an_empty_object() -> None:
    shared = ["x"] * len(writing.SHARED_FIELDS)
    drafts = [draft(shared), draft(shared), draft(shared, email="", ip="192.0.2.0")]
    made = writing.write(drafts, first_id=1, recorded_at=TIME, salts=bytes(range(96)))
    salts = [cells(line)[6] for line in made.personal]
    assert salts == [f"\\x{bytes(range(start, start + 32)).hex()}" for start in (0, 32, 64)]
    assert [cells(line)[5] for line in made.personal] == ["{}"] * 3
    last = encoding.commitment(bytes(range(64, 96)), '{"ip":"192.0.2.0"}').hex()
    assert cells(made.records[2])[-1] == f"\\x{last}"


def test_golden_leaf_of_a_draft() -> None:
    # Fixed for ever, as the leaf of a single record is.
    shared = [
        "marketing_email",
        "granted",
        "consent",
        "import",
        "",
        "0",
        "en",
        "",
        "",
        "shop",
        "import:1",
        "0",
    ]
    made = writing.write([draft(shared)], first_id=1, recorded_at=TIME, salts=bytes(32))
    assert made.leaves[0].hex() == "7de89153b8a6a58b14a97605f726438311601cfa3c14bd7f00d7d2bc17d04214"


def test_salts_must_be_as_many_as_the_records() -> None:
    with pytest.raises(encoding.EncodingError, match="salts"):
        writing.write([], first_id=1, recorded_at=TIME, salts=bytes(32))
