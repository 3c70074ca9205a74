"""Derived keys and the keyed hash of an address."""

import hmac

import pytest
from pytest_django import Settings

from mailplatform.core import keys


@pytest.fixture(autouse=True)
def fresh_keys() -> None:
    keys.derive.cache_clear()


def test_each_purpose_has_its_own_key() -> None:
    assert keys.derive("links") != keys.derive("email-key")
    assert len(keys.derive("links")) == 32


def test_another_secret_gives_other_keys(settings: Settings) -> None:
    before = keys.derive("links")
    keys.derive.cache_clear()
    settings.DATA_KEY = "another secret"
    assert keys.derive("links") != before
    keys.derive.cache_clear()


@pytest.mark.parametrize("spelling", ["Anna@Example.org", " anna@example.org ", "ANNA@EXAMPLE.ORG"])
def test_an_address_has_one_key_in_any_case(spelling: str) -> None:
    assert keys.email_key(spelling) == keys.email_key("anna@example.org")


def test_two_people_have_two_keys_that_do_not_show_the_address() -> None:
    key = keys.email_key("anna@example.org")
    assert key != keys.email_key("ann@example.org")
    assert len(key) == 32
    assert b"anna" not in key


@pytest.mark.parametrize("address", ["", "a@b.example", "anna@exämple.org", f"{'x' * 300}@example.org"])
def test_the_key_of_an_address_is_the_hmac_of_rfc_2104(address: str) -> None:
    assert keys.email_key(address) == hmac.digest(keys.derive("email-key"), address.encode(), "sha256")
