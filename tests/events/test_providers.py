"""Addresses by mailbox provider."""

import pytest

from events.providers import provider_of


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@gmail.com", "Gmail"),
        ("a@GoogleMail.com", "Gmail"),
        ("a@hotmail.com", "Microsoft"),
        ("a@web.de", "GMX and WEB.DE"),
        ("a@firma.example", "firma.example"),
        ("", ""),
        ("nonsense", ""),
        ("a@" + "x" * 100 + ".example", "x" * 60),
    ],
)
def test_provider(address: str, provider: str) -> None:
    assert provider_of(address) == provider
