"""Hosts in ASCII, as browsers of today ask for them."""

import pytest

from mailplatform.core.hosts import to_ascii


@pytest.mark.parametrize(
    ("name", "ascii_name"),
    [
        ("Shop.Example", "shop.example"),
        ("x_y.example", "x_y.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("MÜNCHEN.de", "xn--mnchen-3ya.de"),
        ("a" * 64 + ".de", ""),
        (".".join(["a" * 50] * 6), ""),
        ("a..de", ""),
        ("", ""),
        ("a_ü.de", ""),
        ("\u2028.de", ""),
    ],
)
def test_a_name_is_what_a_browser_would_ask_for(name: str, ascii_name: str) -> None:
    assert to_ascii(name) == ascii_name
