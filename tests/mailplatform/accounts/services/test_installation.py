import pytest
from pytest_django import Settings

from mailplatform.accounts import vault
from mailplatform.accounts.models import AuditEntry, Installation
from mailplatform.accounts.services import installation
from tests.factories.accounts import AdminFactory

pytestmark = pytest.mark.django_db
LOCAL = {"sesv2": "http://127.0.0.1:4579", "sns": "http://127.0.0.1:4579"}


@pytest.fixture(autouse=True)
def _without_environment(settings: Settings) -> None:
    settings.AWS_ACCESS_KEY_ID = settings.AWS_SECRET_ACCESS_KEY = settings.AWS_REGION = ""
    settings.AWS_ENDPOINT_URLS = {}


def test_the_settings_come_into_being_at_the_first_reading() -> None:
    assert installation.get().pk == 1
    assert installation.get().public_id == installation.get().public_id
    assert Installation.objects.count() == 1


def test_a_change_is_written_with_old_and_new_value() -> None:
    admin = AdminFactory.create()
    installation.update(actor=admin, company="Books", region="eu-west-1")
    assert installation.get().company == "Books"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (admin, "settings.changed")
    assert entry.detail == {"company": ["", "Books"], "region": ["eu-central-1", "eu-west-1"]}


def test_what_does_not_change_is_not_written() -> None:
    installation.update(actor=None, language="en")
    assert not AuditEntry.objects.exists()


def test_a_secret_is_encrypted_and_never_in_the_log() -> None:
    installation.update(actor=None, access_key_id="AKIA1", secret_access_key="top-secret")
    assert b"top-secret" not in bytes(installation.get().secret_key_encrypted or b"")
    assert installation.credentials() == installation.AwsCredentials("AKIA1", "top-secret")
    assert "top-secret" not in str(AuditEntry.objects.get().detail)
    assert AuditEntry.objects.get().detail["secret_access_key"] == "changed"
    assert "top-secret" not in repr(installation.credentials())


def test_a_secret_can_be_removed() -> None:
    installation.update(actor=None, access_key_id="AKIA1", secret_access_key="s")
    installation.update(actor=None, access_key_id="", secret_access_key="")
    assert installation.credentials() is None
    assert AuditEntry.objects.latest("id").detail["secret_access_key"] == "removed"


@pytest.mark.parametrize("name", ["id", "public_id", "epoch", "secret_key_encrypted", "nonsense"])
def test_what_may_not_be_changed_is_refused(name: str) -> None:
    with pytest.raises(installation.UnknownSetting, match=name):
        installation.update(actor=None, **{name: 7})


def test_the_reading_of_the_account_does_not_fill_the_log() -> None:
    installation.update(actor=None, max_send_rate=14.0, topic_arns=["arn:aws:sns:eu-central-1:1:x"])
    assert installation.get().max_send_rate == 14.0
    assert not AuditEntry.objects.exists()


def test_the_environment_wins_over_the_page(settings: Settings) -> None:
    installation.update(actor=None, access_key_id="AKIA1", secret_access_key="s", region="eu-west-1")
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "AKIA2", "t"
    settings.AWS_REGION = "eu-north-1"
    connection = installation.aws_connection()
    assert (connection.access_key_id, connection.secret_access_key) == ("AKIA2", "t")
    assert connection.region == "eu-north-1"


def test_without_keys_the_role_of_the_machine_is_used(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS = LOCAL
    connection = installation.aws_connection()
    assert (connection.access_key_id, connection.region) == ("", "eu-central-1")
    assert connection.endpoint_urls == LOCAL


def test_a_key_sealed_with_another_secret_is_no_key(settings: Settings) -> None:
    installation.update(actor=None, access_key_id="AKIA1", secret_access_key="s")
    settings.SECRET_KEY = "another" * 10
    with pytest.raises(vault.SecretUnreadable):
        installation.aws_connection()


def test_the_public_address_of_the_page_wins_over_the_environment(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://env.example.org"
    assert installation.public_url() == "https://env.example.org"
    installation.update(actor=None, public_url="https://page.example.org/")
    assert installation.public_url() == "https://page.example.org"


@pytest.mark.parametrize(
    ("endpoints", "account", "expected"),
    [(LOCAL, "", True), (LOCAL, "123456789012", True), (LOCAL, "999999999999", False), ({}, "", False)],
)
def test_what_counts_as_the_sandbox(
    settings: Settings, endpoints: dict[str, str], account: str, *, expected: bool
) -> None:
    settings.AWS_ENDPOINT_URLS = endpoints
    assert installation.is_sandbox(Installation(account_id=account)) is expected
