from typing import Any

import pytest

from subscribers.importing.addresses import AddressRefusedError, looks_like_address, normalise_email


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee@Example.COM \n", "ann.lee@example.com"),
        ("o'hara+news@mail.example.co.uk", "o'hara+news@mail.example.co.uk"),
        ("mailto:ann@example.com", "ann@example.com"),
        ("Ann Lee <ANN@example.com>", "ann@example.com"),
        ("ann@example.com;", "ann@example.com"),
        ("\ufeffann@example.com\u200b", "ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.jp", "ann@xn--r8jz45g.jp"),
    ],
)
def test_the_one_spelling_of_an_address(text: Any, address: Any) -> None:
    assert normalise_email(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "   ", "ann", "ann@", "@example.com", "ann@@example.com", "ann@example", "ann lee@example.com",
     "ann@exa mple.com", "ann@example..com", ".ann@example.com", "ann.@example.com", "a..b@example.com",
     "ann@-example.com", "ann@example.com.", "jürgen@example.com", "ann@example.com, bob@example.com",
     "ann@[127.0.0.1]", "a" * 65 + "@example.com", "ann@" + "b" * 250 + ".com", "ann@exam_ple.com", "=cmd()@x"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_reason(text: Any) -> None:
    with pytest.raises(AddressRefusedError) as error:
        normalise_email(text)
    assert str(error.value)


def test_a_local_part_beyond_ascii_says_why() -> None:
    with pytest.raises(AddressRefusedError, match="letters that Amazon SES cannot deliver to"):
        normalise_email("jürgen@example.com")


@pytest.mark.parametrize(
    ("text", "answer"), [("Ann@Example.com ", True), ("Ann", False), ("ann@bücher.de", False)]
)
def test_looks_like_address(text: Any, answer: Any) -> None:
    assert looks_like_address(text) is answer
