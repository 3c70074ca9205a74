"""Every column of every table is described or declared impersonal: a new field cannot be forgotten."""

import pytest

from mailplatform.accounts import personal_data
from mailplatform.accounts.papers import inventory
from mailplatform.accounts.papers.inventory import about


def test_every_column_is_described_in_the_personal_data_of_its_app() -> None:
    assert inventory.undescribed() == []


def test_a_new_column_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    short = about("users", "always", "is_active", email="address", shoe_size="size")
    monkeypatch.setitem(inventory._descriptions, "accounts.User", short)
    monkeypatch.setitem(inventory._descriptions, "accounts.Gone", short)
    found = inventory.undescribed()
    assert "accounts.User.name: not described" in found
    assert "accounts.User.shoe_size: no such column" in found
    assert "accounts.Gone: no such model" in found
    assert not any("accounts.User.email" in line for line in found)


def test_nobody_describes_a_column_twice() -> None:
    for model, description in inventory.models():
        if description is not None:
            assert not description.impersonal & description.personal.keys(), model
            assert bool(description.personal) == bool(description.about), model


def test_the_address_of_a_user_is_personal() -> None:
    assert "email" in personal_data.OURS["User"].personal
