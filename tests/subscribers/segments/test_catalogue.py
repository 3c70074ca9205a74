"""A catalogue reads no more than a rule asks for."""

from collections.abc import Callable, Iterable

import pytest

from subscribers.segments.catalogue import BUILT_IN, Catalogue, Kind, Part, Subject

FIELD, NEWS, CAMPAIGN = (Subject(key, key, Kind.TEXT, "p.x") for key in ("field.city", "list", "campaign"))


@pytest.mark.parametrize(
    ("key", "found", "read"),
    [
        ("opened", True, []),
        ("field.city", True, ["field"]),
        ("list", True, ["list"]),
        ("campaign", True, ["others"]),
        ("field.gone", False, ["field", "others", "list"]),
    ],
)
def test_a_part_is_read_when_one_of_its_subjects_is_asked_for_and_once(
    key: str, found: bool, read: list[str]
) -> None:
    asked: list[str] = []

    def reading(name: str, subject: Subject) -> Callable[[], Iterable[Subject]]:
        def read_it() -> list[Subject]:
            asked.append(name)
            return [subject]

        return read_it

    known = Catalogue(
        BUILT_IN,
        [
            Part(reading("field", FIELD), ("field.",)),
            Part(reading("list", NEWS), ("list", "tag")),
            Part(reading("others", CAMPAIGN)),
        ],
    )
    assert (known.get(key) is not None) is found
    assert asked == read
    assert list(known.subjects)[-3:] == ["field.city", "list", "campaign"]
    assert sorted(asked) == ["field", "list", "others"]
