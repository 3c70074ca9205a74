"""What SES refuses and botocore lets through."""

import email.header
from typing import Any

import pytest

from mailplatform.aws import limits


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("A:B", "x"),
        ("A B", "x"),
        ("Ä", "x"),
        ("X" * 127, "x"),
        ("X-A", ""),
        ("X-A", "x" * 996),
        ("X-A", "ü"),
        ("X-A", "a\r\nBcc: b@example.com"),
        ("X" * 100, "x" * 900),
        ("Subject", "x"),
        ("bcc", "x"),
        ("Message-ID", "x"),
    ],
)
def test_refused_headers(name: str, value: str) -> None:
    with pytest.raises(limits.LimitError):
        limits.check_header(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("List-Unsubscribe", "<https://example.com/u/x>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("X", "x" * 995),
        ("X" * 126, "x"),
    ],
)
def test_accepted_headers(name: str, value: str) -> None:
    limits.check_header(name, value)


def test_at_most_fifteen_headers() -> None:
    limits.check_headers([(f"X-{n}", "x") for n in range(15)])
    with pytest.raises(limits.LimitError, match="at most 15"):
        limits.check_headers([(f"X-{n}", "x") for n in range(16)])


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "x"), ("a", ""), ("a b", "x"), ("a", "x.y"), ("a" * 257, "x"), ("a", "x" * 257), ("ä", "x")],
)
def test_refused_tags(name: str, value: str) -> None:
    with pytest.raises(limits.LimitError):
        limits.check_tags([(name, value)])


@pytest.mark.parametrize("name", ["mp-run", "mp_sub", "ses:feedback-id-a", "a" * 256])
def test_accepted_tag_names(name: str) -> None:
    limits.check_tag(name, "x" * 256)


@pytest.mark.parametrize("count", [0, 51])
def test_refused_counts(count: int) -> None:
    with pytest.raises(limits.LimitError):
        limits.check_entries(count)


def test_template_data_is_measured_in_characters() -> None:
    limits.check_template_data("ü" * limits.MAX_TEMPLATE_DATA)
    with pytest.raises(limits.LimitError, match="262145"):
        limits.check_template_data("x" * (limits.MAX_TEMPLATE_DATA + 1))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("ada@example.com", "ada@example.com"),
        ("ada+tag@bücher.example", "ada+tag@xn--bcher-kva.example"),
        ("o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_addresses(given: str, wanted: str) -> None:
    assert limits.check_address(given) == wanted


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "jürgen@example.com",
        "a b@example.com",
        "a@b\r\nc.example",
        "x" * 65 + "@a.example",
        "a@" + "b." * 160 + "example",
        "a@ü..example",
    ],
)
def test_refused_addresses(given: str) -> None:
    with pytest.raises(limits.LimitError):
        limits.check_address(given)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Ada Lovelace", "Ada Lovelace"), ("Ada, Ltd.", '"Ada, Ltd."'), ('A "B" C', '"A \\"B\\" C"')],
)
def test_plain_and_quoted_names(name: str, wanted: str) -> None:
    assert limits.encode_display_name(name) == wanted


@pytest.mark.parametrize("name", ["Bücher", ("Éditions du Café " * 8).strip(), "日本語の名前", "ü, ö"])
def test_other_names_become_short_encoded_words(name: str) -> None:
    encoded = limits.encode_display_name(name)
    assert encoded.isascii()
    assert all(len(word) <= 75 for word in encoded.split(" "))
    assert str(email.header.make_header(email.header.decode_header(encoded))) == name


def test_a_name_cannot_smuggle_a_header() -> None:
    with pytest.raises(limits.LimitError):
        limits.encode_display_name("Ada\r\nBcc: eve@example.com")


def test_format_address() -> None:
    assert limits.format_address("Ada", "ada@example.com") == "Ada <ada@example.com>"
    assert limits.format_address("", "ada@example.com") == "ada@example.com"


def _bulk() -> dict[str, Any]:
    return {
        "DefaultContent": {
            "Template": {"TemplateName": "t", "TemplateData": "{}", "Headers": [_named("X-A", "b")]}
        },
        "DefaultEmailTags": [_named("mp-epoch", "e")],
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": ["ada@example.com"]},
                "ReplacementTags": [_named("mp-sub", "1")],
                "ReplacementHeaders": [_named("List-Unsubscribe", "<https://example.com/>")],
                "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "{}"}},
            }
        ],
    }


def _named(name: str, value: str) -> dict[str, str]:
    return {"Name": name, "Value": value}


def test_a_whole_bulk_request() -> None:
    limits.check_bulk(_bulk())


def test_a_fault_anywhere_in_a_bulk_request_is_found() -> None:
    faulty = [_bulk() for _ in range(7)]
    faulty[0]["DefaultContent"]["Template"]["Headers"] = [_named("Date", "x")]
    faulty[1]["DefaultContent"]["Template"]["TemplateData"] = "x" * 262_145
    faulty[2]["DefaultEmailTags"] = [_named("a b", "c")]
    faulty[3]["BulkEmailEntries"][0]["ReplacementHeaders"] = [_named("X", "ü")]
    faulty[4]["BulkEmailEntries"][0]["ReplacementTags"] = [_named("a", "")]
    content = faulty[5]["BulkEmailEntries"][0]["ReplacementEmailContent"]["ReplacementTemplate"]
    content["ReplacementTemplateData"] = "x" * 262_145
    faulty[6]["BulkEmailEntries"] = []
    for request in faulty:
        with pytest.raises(limits.LimitError):
            limits.check_bulk(request)
