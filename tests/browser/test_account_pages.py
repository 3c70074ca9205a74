import pytest
from django.urls import reverse
from pytest_django import Settings

from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import audit, first_run, users
from tests.browser.conftest import Visitor, sign_in
from tests.factories.accounts import PASSWORD, AdminFactory, InstallationFactory, UserFactory, ViewerFactory

SIGNED_IN = (
    "accounts:settings",
    "accounts:users",
    "accounts:audit_log",
    "accounts:profile",
    "account_change_password",
    "mfa_index",
    "mfa_list_webauthn",
    "account_reauthenticate",
    "account_logout",
)
STRANGER = (
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_signup",
    "account_inactive",
)


@pytest.mark.parametrize("name", STRANGER)
def test_pages_of_a_stranger_are_accessible_and_quiet(visitor: Visitor, name: str) -> None:
    AdminFactory.create()
    visitor.goto(reverse(name))
    visitor.look(name)


@pytest.mark.parametrize("name", SIGNED_IN)
def test_pages_of_an_administrator_are_accessible_and_quiet(visitor: Visitor, name: str) -> None:
    admin = AdminFactory.create()
    InstallationFactory.create()
    ViewerFactory.create(name="A viewer with quite a long name that has to go somewhere", is_active=False)
    for number in range(60):
        audit.record(actor=admin, action="settings.changed", detail={"region": ["eu-west-1", number]})
    sign_in(visitor.page.context, visitor.base, admin)
    visitor.goto(reverse(name))
    visitor.look(name, axe=":" not in name)  # ours: test_every_page.py


def test_the_page_of_components_is_accessible_and_quiet(visitor: Visitor, settings: Settings) -> None:
    settings.DEBUG = True
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    visitor.goto(reverse("accounts:style"))
    visitor.look("style")


def test_a_wrong_address_gets_a_page_in_words(visitor: Visitor) -> None:
    visitor.expected_statuses = {404}
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    visitor.goto("/no/such/place/")
    assert "There is nothing here" in visitor.page.inner_text("main")
    visitor.look("404")


def test_a_viewer_is_told_why_settings_are_closed(visitor: Visitor) -> None:
    visitor.expected_statuses = {403}
    sign_in(visitor.page.context, visitor.base, ViewerFactory.create())
    visitor.goto(reverse("accounts:settings"))
    assert "Administrator" in visitor.page.inner_text("main")
    visitor.look("403")


def test_the_first_visit_makes_the_administrator(visitor: Visitor) -> None:
    visitor.expected_statuses = {422}
    visitor.goto(reverse("account_login"))
    page = visitor.page
    assert page.url.endswith("/setup/")
    visitor.look("setup")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.fill("#id_token", "not the token")
    page.fill("#id_name", "Ada")
    page.fill("#id_email", "Ada@Example.org")
    page.fill("#id_password", PASSWORD)
    page.fill("#id_password_again", PASSWORD)
    page.click("text=Make the administrator")
    assert "not the token in the log" in page.inner_text("main")
    page.fill("#id_token", first_run.token())
    page.fill("#id_password", PASSWORD)
    page.fill("#id_password_again", PASSWORD)
    page.click("text=Make the administrator")
    page.wait_for_url("**/settings/")
    assert not first_run.token_file().exists()


def test_signing_in_and_out_by_keyboard_alone(visitor: Visitor) -> None:
    user = UserFactory.create()
    visitor.goto(reverse("accounts:profile"))
    page = visitor.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to content"
    page.focus("#id_login")
    page.keyboard.type(user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/profile/")
    page.click("text=Sign out")
    page.wait_for_url("**/account/login/**")


def test_an_invited_person_sets_a_password_by_the_link(visitor: Visitor) -> None:
    admin = AdminFactory.create()
    guest = users.invite(actor=admin, email="new@example.org", name="New", role="marketer")
    visitor.goto(users.password_link(guest))
    page = visitor.page
    visitor.look("set password")
    page.fill("#id_password1", PASSWORD)
    page.fill("#id_password2", PASSWORD)
    page.click("text=Save the password")
    page.wait_for_url("**/done/")
    guest.refresh_from_db()
    assert guest.check_password(PASSWORD)


def test_the_theme_that_was_chosen_stays(visitor: Visitor) -> None:
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    visitor.goto(reverse("accounts:profile"))
    page = visitor.page
    page.click("[data-theme-choice=dark]")
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    page.reload()
    assert page.get_attribute("html", "data-bs-theme") == "dark"
    assert page.get_attribute("[data-theme-choice=dark]", "aria-pressed") == "true"


def test_the_menu_opens_on_a_phone(visitor: Visitor) -> None:
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    visitor.page.set_viewport_size({"width": 360, "height": 740})
    visitor.goto(reverse("accounts:profile"))
    page = visitor.page
    assert not page.is_visible("#mp-side nav")
    page.click("[data-menu]")
    assert page.is_visible("#mp-side nav")
    assert page.get_attribute("[data-menu]", "aria-expanded") == "true"


@pytest.mark.drill
def test_a_passkey_is_added_and_signs_in(visitor: Visitor) -> None:
    user = UserFactory.create()
    page, base = visitor.page, visitor.base.replace("127.0.0.1", "localhost")
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = {**key, "isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{base}/account/login/")
    page.fill("#id_login", user.email)
    page.fill("#id_password", PASSWORD)
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{base}/")
    page.goto(f"{base}/account/2fa/webauthn/add/")
    page.check("#id_passwordless")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/account/2fa/recovery-codes/")
    page.goto(f"{base}/account/logout/")
    page.click("main button[type=submit]")
    page.wait_for_url("**/account/login/**")
    page.click("#passkey_login")
    page.wait_for_url(f"{base}/")
    page.goto(f"{base}/account/profile/")
    assert "Where you are signed in" in page.inner_text("main")
    assert AuditEntry.objects.filter(action="user.signed_in").count() == 2
    visitor.problems = [line for line in visitor.problems if "request to" not in line]
