import stat
from pathlib import Path

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from mailplatform.accounts.models import AuditEntry, Role, User
from mailplatform.accounts.services import first_run
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"


def create(given: str) -> User:
    return first_run.create_administrator(given=given, email="Ada@Example.org", name="Ada", password=PASSWORD)


def test_the_token_is_long_stays_the_same_and_is_for_the_owner_alone() -> None:
    token = first_run.token()
    assert len(token) >= 32
    assert first_run.token() == token
    assert stat.S_IMODE(first_run.token_file().stat().st_mode) == 0o600
    assert [path.name for path in first_run.token_file().parent.iterdir()] == ["setup-token"]


def test_the_right_token_makes_one_administrator_and_dies() -> None:
    user = create(f" {first_run.token()}\n")
    assert (user.email, user.role, user.is_active) == ("ada@example.org", Role.ADMIN, True)
    assert user.check_password(PASSWORD)
    assert not first_run.token_file().exists()
    assert not first_run.is_open()
    assert AuditEntry.objects.get().action == "installation.set_up"


@pytest.mark.parametrize("given", ["", "wrong", "é"])
def test_a_wrong_token_makes_nobody_and_changes_nothing(given: str) -> None:
    token = first_run.token()
    with pytest.raises(first_run.WrongToken):
        create(given)
    assert not User.objects.exists()
    assert first_run.token() == token


def test_the_token_cannot_be_used_twice() -> None:
    token = first_run.token()
    create(token)
    with pytest.raises(first_run.SetupClosed):
        create(token)
    assert User.objects.count() == 1


def test_a_token_without_an_empty_installation_is_worth_nothing() -> None:
    UserFactory.create()
    with pytest.raises(first_run.SetupClosed):
        create(first_run.token())


def test_the_log_shows_address_and_token_while_nobody_can_sign_in() -> None:
    with capture_logs() as logs:
        first_run.announce("https://mail.example.org/")
    assert logs[0]["setup_url"] == "https://mail.example.org/setup/"
    assert logs[0]["one_time_token"] == first_run.token()


def test_the_log_is_silent_afterwards() -> None:
    UserFactory.create()
    with capture_logs() as logs:
        first_run.announce("https://mail.example.org")
    assert logs == []
    assert not first_run.token_file().exists()
