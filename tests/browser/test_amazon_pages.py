"""The Amazon account in the browser: choosing, comparing, applying, copying, and taking everything away again."""

from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from events import periodic
from events.services import account_progress, provisioning
from mailplatform.accounts.services import installation
from mailplatform.celery import app
from mailplatform.sandbox.testing import RunningSandbox
from tests.browser.conftest import Visitor, sign_in
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_campaign

PREFIX = "harbour"
HERE = "events:amazon"


@pytest.fixture
def admin(visitor: Visitor, sandbox: RunningSandbox) -> Iterator[Visitor]:
    sandbox.reset()
    account_progress.forget()
    installation.update(
        actor=None,
        company="Harbour Books",
        sender_address="news@harbour-books.example",
        public_url=visitor.base,
        configuration_set_prefix=PREFIX,
    )
    sign_in(visitor.page.context, visitor.base, AdminFactory.create(), lately=True)
    app.conf.task_always_eager = True
    yield visitor
    app.conf.task_always_eager = False
    account_progress.forget()


def apply() -> None:
    """From the command, with everything but what needs a site or costs time."""
    chosen = {"identities": ("harbour-books.example",), "without": frozenset({"subscription"})}
    provisioning.apply(provisioning.wanted(chosen), lambda *_: None)


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()
    visitor.page.wait_for_load_state("load")
    visitor.settle()


def test_choices_are_kept_compared_and_applied(admin: Visitor) -> None:
    make_campaign(name="Letter of the week")
    page = admin.page
    admin.goto(reverse(HERE))
    admin.look("amazon at first", axe=False)
    page.get_by_role("link", name="Choose what is wanted").click()
    page.get_by_label("Tenant").fill("not a name")
    page.get_by_label("Alarms go to").fill("ops@harbour-books.example")
    page.get_by_label("Subscription: this site's").check()
    row = page.get_by_role("group", name="A new schedule")
    row.get_by_label("Name").fill("weekly")
    row.get_by_label("When, in UTC").fill("every Monday")
    row.get_by_label("Start copies of").select_option(label="Letter of the week")
    admin.expected_statuses = {422}
    press(admin, "Save")
    expect(page.get_by_label("Tenant")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("needs rate(…) or cron(…)")).to_be_visible()
    expect(page.get_by_label("Alarms go to")).to_have_value("ops@harbour-books.example")
    admin.look("amazon choices with errors")
    page.get_by_label("Tenant").fill("letters")
    row.get_by_label("When, in UTC").fill("cron(0 7 ? * MON *)")
    press(admin, "Save")
    expect(page.get_by_text("Saved, not applied yet")).to_be_visible()
    press(admin, "Compare")
    expect(page.locator(".mp-plan")).to_contain_text(f"EventBridge rule {PREFIX}-weekly")
    admin.look("amazon compared at first", axe=False)
    press(admin, "Apply")
    expect(page.locator("#account-work .mp-notice.success")).to_contain_text(
        "were made or changed in account"
    )
    admin.look("amazon applied", axe=False)
    assert installation.get().tenant == "letters"
    expect(page.get_by_text("Saved, not applied yet")).to_have_count(0)


def test_a_plan_says_from_what_to_what(admin: Visitor, sandbox: RunningSandbox) -> None:
    apply()
    ses, name = sandbox.client("sesv2"), f"{PREFIX}-none"
    ses.put_configuration_set_delivery_options(ConfigurationSetName=name, TlsPolicy="OPTIONAL")
    ses.put_configuration_set_suppression_options(ConfigurationSetName=name, SuppressedReasons=["BOUNCE"])
    admin.goto(reverse(HERE))
    press(admin, "Compare")
    row = admin.page.locator(".mp-plan > li", has_text=f"configuration set {name}")
    expect(row).to_contain_text("Encryption on the way to the receiver")
    expect(row.locator("del").first).to_have_text("where the receiver can")
    expect(row.locator("ins").first).to_have_text("always; no delivery without it")
    admin.look("amazon compared")


def test_the_page_follows_a_worker_by_itself(admin: Visitor) -> None:
    apply()
    account_progress.begin("plan")
    admin.goto(reverse(HERE))
    expect(admin.page.get_by_text("A worker is asking Amazon")).to_be_visible()
    admin.look("amazon at work", axe=False)
    periodic.work_on_account(act="plan")
    expect(admin.page.get_by_text("Nothing to do: the account is as it should be.")).to_be_visible()


def test_everything_goes_only_after_a_look_and_the_right_word(
    admin: Visitor, sandbox: RunningSandbox
) -> None:
    apply()
    page = admin.page
    admin.goto(reverse(HERE))
    press(admin, "See what would go")
    expect(page.get_by_role("heading", name="Goes (")).to_be_visible()
    expect(page.get_by_role("heading", name="Stays (")).to_be_visible()
    button = page.get_by_role("button", name="Remove everything that goes")
    typed = page.get_by_label(f"Type “{PREFIX}” to confirm")
    expect(button).to_be_disabled()
    typed.fill("harbor")
    expect(button).to_be_disabled()
    admin.look("amazon what would go")
    # What no script keeps back is refused by the server.
    button.evaluate("button => button.disabled = false")
    admin.expected_statuses = {422}
    press(admin, "Remove everything that goes")
    expect(page.get_by_text(f"This is not “{PREFIX}”. Nothing was removed.")).to_be_visible()
    expect(typed).to_have_value("harbor")
    admin.look("amazon typed wrongly")
    typed.fill(PREFIX)
    press(admin, "Remove everything that goes")
    expect(page.locator("#account-work .mp-notice")).to_contain_text(
        "Nothing can be sent until you apply again"
    )
    admin.look("amazon removed", axe=False)
    names = sandbox.client("sesv2").list_configuration_sets(PageSize=1000)["ConfigurationSets"]
    assert not [name for name in names if name.startswith(PREFIX)]


def test_policies_and_texts_are_copied_and_downloaded(admin: Visitor) -> None:
    page = admin.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=admin.base)
    admin.goto(reverse("events:amazon_documents"))
    admin.look("amazon documents", axe=False)
    block = page.locator("section", has=page.get_by_role("heading", name="IAM policy runtime"))
    block.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.").first).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as caught:
        block.get_by_role("link", name="Download").click()
    assert caught.value.suggested_filename == "mailplatform-policy-runtime.json"
    assert caught.value.path().read_text().strip() == copied
    assert '"OnlyThisRegion"' in copied
