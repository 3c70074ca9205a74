"""The address that goes into pixels and links."""

from typing import Any

import pytest

from mailplatform.sandbox.config import Config


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:4579"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),  # noqa: S104 - turned into an address, not bound
        ({"host": "::1"}, "http://[::1]:4579"),
        ({"host": "::"}, "http://[::1]:4579"),
        ({"public_url": "https://sandbox.example/"}, "https://sandbox.example"),
    ],
)
def test_it_can_be_followed(settings: dict[str, Any], url: str) -> None:
    assert Config(**settings).base_url == url
