"""Reports, dashboard, dead letters and the hosted pages, as people see them."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns import tokens
from campaigns.models import Run
from campaigns.services import templates
from events.models import DeadLetter
from events.selectors import people
from mailplatform.accounts.services import installation
from subscribers.models import MailingList, Subscriber, Subscription
from subscribers.services import profiles
from tests.browser.conftest import Visitor, sign_in
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_campaign, make_site
from tests.factories.events import make_person, make_run
from tests.factories.stories import make_finished_campaign


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    return visitor


def reader() -> tuple[Run, Subscriber]:
    lists = [
        MailingList.objects.create(
            name="Flowers of the month", description="What is in bloom, once a month", is_public=True
        ),
        MailingList.objects.create(name="Offers", is_public=True),
    ]
    person = make_person("ada.lovelace@example.org")
    for row in lists:
        Subscription.objects.create(subscriber=person, mailing_list=row, state="confirmed")
    profiles.refresh(subscriber_ids=[person.pk])
    installation.update(
        actor=None,
        company="Blumen Schneider GmbH",
        postal_address="Gartenweg 5\n10115 Berlin",
        reply_to="hallo@blumen.example",
    )
    return make_run(list_ids=[lists[0].pk]), person


def address(
    name: str, run: Run, person: Subscriber, make: Callable[[int, int], str] = tokens.make_unsubscribe_token
) -> str:
    return reverse(f"events:{name}", args=[make(run.pk, person.pk)])


def test_ux_02_a_new_installation_teaches_in_four_steps_that_tick_when_they_are_done(admin: Visitor) -> None:
    page = admin.page
    done = page.locator(".mp-check.ok strong")
    admin.goto(reverse("events:dashboard"))
    expect(page.get_by_role("heading", name="Four steps to the first campaign")).to_be_visible()
    assert done.all_inner_texts() == []
    admin.look("dashboard empty")
    make_site(public_url=admin.base)
    page.reload()
    assert done.all_inner_texts() == ["Verify your domain"]
    page.locator(".mp-check", has_text="Import people").get_by_role("link").click()
    page.wait_for_url("**/imports/")
    make_person()
    templates.ensure_starters()
    admin.goto(reverse("events:dashboard"))
    assert done.all_inner_texts() == ["Verify your domain", "Import people", "Make a template"]


def test_first_page(admin: Visitor) -> None:
    make_finished_campaign()
    admin.goto(reverse("events:dashboard"))
    admin.look("dashboard", axe=False)


def test_report_of_a_campaign(admin: Visitor) -> None:
    run = make_finished_campaign()
    admin.goto(reverse("events:campaign_report", args=[run.campaign.public_id]))
    assert admin.page.locator("canvas").count() == 1
    admin.look("report", axe=False)


def test_report_before_anything_was_sent(admin: Visitor) -> None:
    campaign = make_campaign(state="scheduled")
    admin.goto(reverse("events:campaign_report", args=[campaign.public_id]))
    admin.look("report empty")


def test_report_fills_itself_while_the_run_goes_on(admin: Visitor) -> None:
    run = make_finished_campaign(24)
    Run.objects.filter(pk=run.pk).update(state="sending", finished_at=None)
    admin.goto(reverse("events:campaign_report", args=[run.campaign.public_id]))
    with admin.page.expect_response(
        lambda response: "report/?run=" in response.url, timeout=15_000
    ) as caught:
        pass
    assert caught.value.status == 200
    admin.page.wait_for_selector("canvas")


def test_people_behind_a_number(admin: Visitor) -> None:
    run = make_finished_campaign()
    for who in ("skipped", "opened"):
        admin.goto(f"{reverse('events:campaign_people', args=[run.campaign.public_id])}?who={who}")
        assert admin.page.locator("tbody tr").count() == people.count(run, people.Choice(who))
        admin.look(f"people {who}", axe=False)


def test_dead_letters(admin: Visitor) -> None:
    for number in range(3):
        DeadLetter.objects.create(
            reason="no partition holds the time of this message", body=b"x", message_id=f"m-{number}"
        )
    admin.goto(reverse("events:dead_letters"))
    admin.look("dead letters", axe=False)
    admin.page.locator("button", has_text="Try again").first.click()
    admin.page.wait_for_load_state("networkidle")
    assert "still cannot be taken in" in admin.page.inner_text("main")


def test_hosted_pages_from_leaving_to_coming_back(visitor: Visitor) -> None:
    run, person = reader()
    visitor.goto(address("unsubscribe", run, person))
    visitor.look("public unsubscribe", axe=False)
    visitor.page.locator("button", has_text="Unsubscribe").first.click()
    visitor.page.wait_for_selector("text=You are unsubscribed")
    visitor.look("public unsubscribed")
    visitor.page.locator("button", has_text="Undo").click()
    visitor.page.wait_for_selector("text=You are back")
    visitor.look("public back again")
    assert visitor.page.context.cookies() == []


def test_hosted_preferences(visitor: Visitor) -> None:
    run, person = reader()
    visitor.goto(address("preferences", run, person))
    visitor.look("public preferences", axe=False)
    visitor.page.check("input[name=opens]")
    visitor.page.locator("button[value=save]").click()
    visitor.page.wait_for_selector("text=Saved")


def test_hosted_pages_of_links_that_do_not_work(visitor: Visitor) -> None:
    run, person = reader()
    visitor.expected_statuses = {404}
    visitor.goto(reverse("events:unsubscribe", args=["cut"]))
    visitor.look("public unknown link")
    visitor.goto(address("unsubscribe", run, person, tokens.make_test_token))
    visitor.look("public test mail")
