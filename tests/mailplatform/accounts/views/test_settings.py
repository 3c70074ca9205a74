import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from mailplatform.accounts.models import AuditEntry, User
from mailplatform.accounts.services import installation
from tests.factories.accounts import AdminFactory, InstallationFactory, UserFactory, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_browser() -> Client:
    return sign_in(Client(), AdminFactory.create())


def send(client: Client, section: str, **values: str) -> int:
    data = {f"{section}-{name}": value for name, value in values.items()}
    return client.post("/settings/", {"section": section, **data}).status_code


def test_each_section_is_saved_for_itself(admin_browser: Client) -> None:
    InstallationFactory.create(sender_name="Old name")
    values = {"company": "Books", "postal_address": "Harbour 1", "time_zone": "Europe/Rome", "language": "de"}
    assert send(admin_browser, "company", **values) == 302
    row = installation.get()
    assert {name: getattr(row, name) for name in values} == values
    assert row.sender_name == "Old name"
    assert AuditEntry.objects.get().detail.keys() == values.keys()


def test_a_mistake_is_shown_and_nothing_is_saved(admin_browser: Client) -> None:
    InstallationFactory.create(company="Kept")
    assert (
        send(admin_browser, "company", company="", postal_address="x", time_zone="UTC", language="en") == 422
    )
    assert installation.get().company == "Kept"
    assert not AuditEntry.objects.exists()


def test_keys_are_stored_and_never_come_back(admin_browser: Client) -> None:
    assert (
        send(admin_browser, "amazon", region="eu-west-1", access_key_id="AKIA1", secret_access_key="s3cr3t")
        == 302
    )
    keys = installation.credentials()
    assert keys is not None
    page = admin_browser.get("/settings/")
    assertContains(page, "A key is stored")
    assertNotContains(page, "s3cr3t")


def test_a_key_of_another_secret_is_explained(admin_browser: Client) -> None:
    InstallationFactory.create(access_key_id="AKIA1", secret_key_encrypted=b"of another key")
    assertContains(admin_browser.get("/settings/"), "The stored key cannot be read")


def test_measuring_by_amazon_notes_when_it_was_acknowledged(admin_browser: Client) -> None:
    ses = {"tracking_carrier": "ses", "acknowledged": "on"}
    assert send(admin_browser, "tracking", track_opens="on", **ses) == 302
    first = installation.get().ses_tracking_acknowledged_at
    assert first is not None
    send(admin_browser, "tracking", track_clicks="on", **ses)
    assert installation.get().ses_tracking_acknowledged_at == first
    send(admin_browser, "tracking", tracking_carrier="ses")
    assert installation.get().ses_tracking_acknowledged_at is None
    assert not installation.get().track_clicks


def test_a_new_site_counts_itself_and_acknowledges_nothing(admin_browser: Client) -> None:
    page = admin_browser.get("/settings/").content.decode()
    assert re.search(r'<input type="radio" name="tracking-tracking_carrier" value="own"[^>]* checked', page)
    assert send(admin_browser, "tracking", tracking_carrier="own", track_opens="on") == 302
    row = installation.get()
    assert (row.tracking_carrier, row.track_opens, row.ses_tracking_acknowledged_at) == ("own", True, None)


def test_another_carrier_is_in_the_audit_log_and_forgets_no_acknowledgement(admin_browser: Client) -> None:
    send(admin_browser, "tracking", tracking_carrier="ses", track_opens="on", acknowledged="on")
    AuditEntry.objects.all().delete()
    send(admin_browser, "tracking", tracking_carrier="own", track_opens="on")
    assert AuditEntry.objects.get().detail == {"tracking_carrier": ["ses", "own"]}
    assert installation.get().ses_tracking_acknowledged_at is not None


def test_an_unknown_section_changes_nothing(admin_browser: Client) -> None:
    assert send(admin_browser, "nonsense", company="x") == 200
    assert not AuditEntry.objects.exists()


def test_only_administrators_may_look(client: Client) -> None:
    client.force_login(UserFactory.create())
    assert client.get("/settings/").status_code == 403
    assert send(client, "company", company="x") == 403


def test_keys_are_changed_only_after_a_recent_password_and_are_kept_nowhere_meanwhile() -> None:
    client = Client()
    client.force_login(AdminFactory.create())
    data = {"section": "amazon", "amazon-access_key_id": "AKIA", "amazon-secret_access_key": "very secret"}
    answer = client.post("/settings/", data)
    assert answer["Location"] == "/account/reauthenticate/?next=%2Fsettings%2F%23amazon"
    assert "very secret" not in str(dict(client.session))
    assert installation.get().access_key_id == ""


def test_everybody_must_have_a_second_factor_only_if_the_administrator_has_one(admin_browser: Client) -> None:
    assert send(admin_browser, "sign_in", require_second_factor="on") == 422
    admin = User.objects.get()
    Authenticator.objects.create(user=admin, type="totp", data={})
    assert send(admin_browser, "sign_in", require_second_factor="on") == 302
    assert installation.get().require_second_factor
    assert AuditEntry.objects.get().detail == {"require_second_factor": [False, True]}
