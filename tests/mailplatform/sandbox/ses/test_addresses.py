"""Addresses, headers and tags, without a server."""

import pytest

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.ses import addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@example.org", "a@example.org"),
        ("Ada Lovelace <ada+x@Example.org>", "ada+x@Example.org"),
        ('"Lovelace, Ada" <ada@example.org>', "ada@example.org"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?= <a@xn--mller-kva.example>", "a@xn--mller-kva.example"),
    ],
)
def test_the_bare_address(text: str, address: str) -> None:
    assert addresses.address_of(text) == address


@pytest.mark.parametrize(
    "text", ["", "a", "@b.example", "a@", "a@b..example", f"{'x' * 65}@b.example", "ä@b.example"]
)
def test_no_address(text: str) -> None:
    with pytest.raises(ApiError, match="BadRequestException"):
        addresses.address_of(text)


def header(name: str, value: str = "v") -> dict[str, str]:
    return {"Name": name, "Value": value}


def test_merging_replaces_adds_and_keeps() -> None:
    merged = addresses.merge_headers(
        [header("A", "1"), header("B", "2"), header("C", "3")], [header("b", "9"), header("D", "4")]
    )
    assert merged == [("A", "1"), ("b", "9"), ("C", "3"), ("D", "4")]


def test_a_repeated_name_replaces_all() -> None:
    merged = addresses.merge_headers(
        [header("A", "1"), header("a", "2")], [header("A", "8"), header("A", "9")]
    )
    assert merged == [("A", "8"), ("A", "9")]


@pytest.mark.parametrize("name", ["ses:feedback-id-a", "ses:feedback-id-b", "run", "A-b_9"])
def test_good_tag_names(name: str) -> None:
    assert addresses.tag_problem([header(name)]) == ""


def test_a_later_group_of_tags_wins() -> None:
    assert addresses.tag_map([header("a", "1"), header("b", "2")], [header("a", "3")]) == {
        "a": ["3"],
        "b": ["2"],
    }
