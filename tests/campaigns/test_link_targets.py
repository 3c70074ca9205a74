"""Where our own links lead: nobody's data choose the host, and what reports and headers show."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import link_targets
from campaigns.own_links import with_own_links

CONSTANTS = {"shop": "https://shop.example/s?a=1", "host": "shop.example"}
BEGINNINGS = st.sampled_from(
    ["", "https://example.com", "https://{{html.host}}", "{{html.shop}}", "HTTP://a.example:80"]
)
SPELLINGS = ["%2f", "\u3002", "&#47;", "&sol;", "\uff0f", "&bsol;", "\\"]
SIGNS = [
    "https://",
    "//",
    "/",
    "?",
    "#",
    "@",
    ":",
    ".",
    "a",
    "example.com",
    " ",
    "{{html.name}}",
    "{{html.host}}",
]
PIECES = st.lists(st.sampled_from([*SIGNS, *SPELLINGS]), max_size=6).map("".join)
VALUES = st.sampled_from(
    [
        "evil.example",
        "/evil.example",
        "@evil.example",
        "\\evil.example",
        "//evil.example/",
        "#",
        "?",
        ".",
        ":80",
    ]
)


@given(start=BEGINNINGS, rest=PIECES, value=VALUES)
def test_nobodys_data_chooses_the_host(start: str, rest: str, value: str) -> None:
    _, targets = with_own_links(
        f'<a href="{start}{rest}">x</a>', public_url="https://mail.example.com", constants=CONSTANTS
    )
    for target in targets.values():
        address = link_targets.settled(target, CONSTANTS)
        host = link_targets.host_of(address)
        final = link_targets.as_header(address.replace("\ue000", value))
        assert host
        assert link_targets.host_of(address.replace("\ue000", value)) == host
        assert urlsplit(final).netloc == host
        assert final.isascii()
        assert "\\" not in final
        assert "evil" not in host


def test_what_reports_show_and_what_a_header_says() -> None:
    address = link_targets.settled("https://bücher.example/ä b/{{html.name}}?h={{html.host}}", CONSTANTS)
    assert link_targets.is_personal(address)
    assert link_targets.shared(address) == "https://bücher.example/ä b/…?h=shop.example"
    assert not link_targets.is_personal(link_targets.settled("{{html.shop}}", CONSTANTS))
    assert link_targets.as_header('https://Bücher.example:8443/ä b?q="<%20>\\{') == (
        "https://xn--bcher-kva.example:8443/%C3%A4%20b?q=%22%3C%20%3E%5C%7B"
    )
    assert link_targets.as_header("HTTP://example.com") == "http://example.com/"
    assert link_targets.as_header("https://faß.de/x") == "https://xn--fa-hia.de/x"
    for wrong in (
        "",
        "https://",
        "javascript:alert(1)",
        "https://a/\r\nX: y",
        "https://a b/",
        "//a/",
        "https://[::1]/",
        "https://example.com:\uff18\uff10/",
        "http\u017f://example.com/",
    ):
        with pytest.raises(ValueError, match="no web address"):
            link_targets.as_header(wrong)
