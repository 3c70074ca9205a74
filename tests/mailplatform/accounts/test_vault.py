import pytest
from pytest_django import Settings

from mailplatform.accounts import vault


def test_a_secret_comes_back() -> None:
    assert vault.unseal(vault.seal("wJalrXUtnFEMI")) == "wJalrXUtnFEMI"


def test_it_cannot_be_read_in_the_database() -> None:
    assert b"wJalrXUtnFEMI" not in vault.seal("wJalrXUtnFEMI")


def test_what_the_database_returns_is_accepted() -> None:
    assert vault.unseal(memoryview(vault.seal("secret"))) == "secret"


def test_another_key_cannot_read_it_and_the_error_says_what_to_do(settings: Settings) -> None:
    sealed = vault.seal("secret")
    settings.SECRET_KEY = "another" * 10
    with pytest.raises(vault.SecretUnreadable, match="Enter the key again"):
        vault.unseal(sealed)


def test_an_altered_secret_is_refused() -> None:
    with pytest.raises(vault.SecretUnreadable):
        vault.unseal(vault.seal("secret")[:-3] + b"AAA")
