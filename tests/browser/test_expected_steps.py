"""What a marketer expects of the steps of a campaign, with a marketer's hands; most tests use the keyboard alone."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from campaigns import tokens
from campaigns.models import Campaign, CampaignState, Delivery, Sender
from campaigns.services import campaigns, sending_settings, starting
from mailplatform.accounts.models import User
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, SuppressionReason
from subscribers.services import suppression
from tests.browser.conftest import Visitor, one_history, sign_in, signed_in, watch
from tests.browser.world import install
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import HTML, make_campaign, make_template, make_user
from tests.factories.sending import make_people

WILL_GET_IT = 920


@dataclass
class Site:
    """A list of a thousand people, of whom 80 may not be mailed, and another of 81."""

    marketer: User
    newsletter: MailingList
    friends: MailingList
    sender: Sender


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, sandbox: RunningSandbox, server_url: str
) -> Iterator[Site]:
    with one_history(django_db_blocker):
        # Those of another history would read what is sent here, and some leave.
        sandbox.api.put("readers", enabled=False)
        install(AdminFactory.create(), server_url)
        newsletter, friends = (MailingList.objects.create(name=name) for name in ("Newsletter", "Friends"))
        make_people(WILL_GET_IT, newsletter)
        make_people(50, newsletter, basis="withdrawn")
        make_people(10, newsletter, basis="")
        for person in make_people(20, newsletter):
            key = bytes(person.email_key)
            suppression.suppress(email_key=key, reason=SuppressionReason.BOUNCE, source="test")
        make_people(81, friends)
        sender = campaigns.default_sender()
        assert sender is not None
        yield Site(make_user(name="Mara", time_zone="America/New_York"), newsletter, friends, sender)


@pytest.fixture(scope="module")
def only_window(site: Site, browser: Browser, server_url: str) -> Iterator[Visitor]:
    with signed_in(browser, server_url, site.marketer) as visitor:
        yield visitor


@pytest.fixture
def marketer(only_window: Visitor) -> Iterator[Visitor]:
    """The marketer's window; what was found wrong counts for this test only."""
    only_window.problems.clear()
    only_window.expected_statuses.clear()
    yield only_window
    only_window.quiet()


@pytest.fixture
def draft(site: Site) -> Callable[..., Campaign]:
    """Make a draft that is ready to go to these lists."""

    def make(*lists: MailingList, **fields: object) -> Campaign:
        campaign = make_campaign(**fields)
        campaign.sender = site.sender
        campaign.save()
        campaign.lists.add(*lists)
        return campaign

    return make


def step(campaign: Campaign, name: str) -> str:
    return reverse("campaigns:campaign_step", args=[campaign.public_id, name])


def saved(page: Page) -> None:
    expect(page.locator("#saved-note")).to_have_text("Saved.")


def ticks(page: Page) -> list[str]:
    return [each.strip() for each in page.locator(".mp-steps li.done .mp-step-name").all_inner_texts()]


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


@pytest.mark.drill
def test_ux_03_the_steps_are_kept_when_the_browser_is_closed_and_need_no_mouse(
    marketer: Visitor, site: Site, browser: Browser
) -> None:
    """To, From, Content, Schedule and Review by keyboard, closed half-way and opened again, in another order."""
    template = make_template(name="Spring")
    marketer.goto(reverse("campaigns:campaign_list"))
    marketer.press(marketer.page.get_by_role("link", name="New campaign").first)
    marketer.page.wait_for_url("**/new/")
    marketer.tab_to(marketer.page.get_by_label("Name"))
    marketer.page.keyboard.type("By keyboard")
    marketer.page.keyboard.press("Enter")
    marketer.page.wait_for_url("**/to/")
    marketer.press(marketer.page.get_by_label("Newsletter").first, "Space")
    saved(marketer.page)
    address = marketer.page.url.removeprefix(marketer.base)
    context = browser.new_context(locale="en-GB")  # the browser was closed and opened again
    sign_in(context, marketer.base, site.marketer)
    again = watch(context, marketer.base)
    again.goto(address.replace("/to/", "/schedule/"))
    assert ticks(again.page) == ["To", "From"]  # the installation has a sender
    again.press(button(again.page, "Continue"))
    again.page.wait_for_url("**/review/")
    again.press(again.page.get_by_role("link", name=re.compile("To$")))
    again.page.wait_for_url("**/to/")
    expect(again.page.get_by_label("Newsletter").first).to_be_checked()
    again.press(button(again.page, "Continue"))
    again.page.wait_for_url("**/from/")
    again.press(again.page.get_by_role("radio", name="Harbour Books"), "Space")
    again.tab_to(again.page.get_by_label("Subject"))
    again.page.keyboard.type("Spring is here")
    again.press(button(again.page, "Continue"))
    again.page.wait_for_url("**/content/")
    again.tab_to(again.page.get_by_label("Template", exact=True))
    again.page.keyboard.type(template.name)
    saved(again.page)
    again.press(button(again.page, "Continue"))
    again.page.wait_for_url("**/schedule/")
    again.press(again.page.get_by_role("link", name=re.compile("Review$")))
    again.page.wait_for_url("**/review/")
    assert ticks(again.page) == ["To", "From", "Content", "Schedule"]
    expect(button(again.page, f"Send to {WILL_GET_IT} people")).to_be_enabled()
    context.close()
    again.quiet()


@pytest.mark.drill
def test_ux_04_the_count_names_every_reason_leads_to_the_people_and_equals_what_is_sent(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    campaign, page = draft(site.newsletter), marketer.page
    marketer.goto(step(campaign, "to"))
    side = page.locator("#step-side")
    expect(side).to_contain_text("of 1,000 people will receive it")
    expect(side.locator(".mp-big")).to_have_text(str(WILL_GET_IT))
    rows = [row.inner_text().split("\t") for row in side.locator("tbody tr").all()]
    assert sorted(int(number) for _, number in rows) == [10, 20, 50]
    for number in range(3):
        with page.expect_navigation():
            side.locator("tbody a").nth(number).click()
        assert page.locator("tbody tr").count() == min(50, int(rows[number][1]))
        page.go_back()
    sending_settings.update(actor=None, grace_seconds=0)
    marketer.goto(step(campaign, "review"))
    button(page, f"Send to {WILL_GET_IT} people").click()
    button(page, "Send now").click()
    # In this process instead of beat and a worker: that they do it is shown by the journey.
    app.conf.task_always_eager = True
    try:
        starting.start_due()
    finally:
        app.conf.task_always_eager = False
        sending_settings.update(actor=None, grace_seconds=10)
    expect(page.locator("#state-title")).to_have_text("Sent", timeout=60_000)
    figures = page.locator("#progress").inner_text()
    assert re.search(rf"Accepted\s+{WILL_GET_IT}\s+Skipped\s+80\s", figures)


def test_ux_05_only_verified_senders_can_be_chosen(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    Sender.objects.get_or_create(address="me@unverified.example", name="Unverified")
    page = marketer.page
    marketer.goto(step(draft(site.newsletter), "from"))
    row = page.locator(".mp-choice", has_text="me@unverified.example")
    expect(row.get_by_role("radio")).to_be_disabled()
    expect(row.get_by_role("link", name="Verify domain")).to_be_visible()
    expect(page.get_by_role("radio", name="Harbour Books")).to_be_enabled()


def test_ux_06_the_inbox_line_and_the_length_of_a_subject_are_shown_while_one_types(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    page, campaign = marketer.page, draft(site.newsletter)
    marketer.goto(step(campaign, "from"))
    field = page.get_by_label("Subject")
    field.fill("x" * 90)
    hint = page.locator(".mp-field", has=field).locator(".mp-count")
    expect(hint).to_have_text("90: longer than most inboxes show (78)")
    expect(page.locator("#step-side")).to_contain_text("The subject has 90 characters")
    field.fill("👩‍👩‍👧‍👦 Hi {{name}}")
    expect(hint).to_have_text("13 of 78")
    page.get_by_label("Preheader").fill("Open it")
    expect(page.locator(".mp-inbox")).to_contain_text("👩‍👩‍👧‍👦 Hi Ann Example")
    expect(page.locator(".mp-inbox")).to_contain_text("Open it")
    expect(page.locator(".mp-inbox")).to_contain_text("Harbour Books")
    expect(page.locator("#step-side")).not_to_contain_text("The subject has")


def test_ux_11_the_second_of_two_who_edit_a_campaign_sees_both_and_loses_nothing(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    page, campaign = marketer.page, draft(site.newsletter)
    marketer.goto(step(campaign, "from"))
    campaigns.save_sender(
        campaign_id=campaign.pk, revision=campaign.revision, sender=site.sender, subject="A colleague's subject",
        preheader="", track_opens=False, track_clicks=False,
    )  # fmt: skip
    marketer.expected_statuses.add(409)
    page.get_by_label("Subject").fill("My own subject")
    expect(page.locator("#step-side")).to_contain_text("Somebody else changed this campaign")
    button(page, "Continue").click()
    mine, theirs = (page.get_by_role("region", name=name) for name in ("Yours, not saved yet", "Stored now"))
    expect(mine.get_by_label("Subject")).to_have_value("My own subject")
    expect(theirs.get_by_label("Subject")).to_have_value("A colleague's subject")
    button(page, "Save mine over it").click()
    page.wait_for_url("**/content/")
    campaign.refresh_from_db()
    assert campaign.subject == "My own subject"


@pytest.mark.drill
def test_ux_13_a_test_is_marked_counted_nowhere_and_unsubscribes_nobody(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign], sandbox: RunningSandbox
) -> None:
    person = make_people(1, site.friends)[0]
    campaign, page = draft(site.friends, subject="For {{email}}"), marketer.page
    marketer.goto(step(campaign, "review"))
    page.get_by_label("Show it as").fill(person.email)
    page.get_by_label("Show it as").blur()
    page.get_by_label("To", exact=True).fill(" ".join(f"t{number}@example.org" for number in range(11)))
    button(page, "Send the test").click()
    expect(page.locator("#content")).to_contain_text("A test goes to 10 addresses at most.")
    page.get_by_label("Show it as").fill(person.email)
    page.get_by_label("Show it as").blur()
    page.get_by_label("To", exact=True).fill(f"boss-{person.pk}@example.org")
    button(page, "Send the test").click()
    expect(page.locator("#content")).to_contain_text("1 test mail sent.")
    (mail,) = sandbox.messages(to=f"boss-{person.pk}@example.org")
    raw = sandbox.raw(mail["id"]).decode().replace("\r\n ", "")
    assert f"[TEST] For {person.email}" in raw
    link = re.search(r"List-Unsubscribe: <(\S+)>", raw)
    assert link is not None
    assert tokens.read_unsubscribe_token(link[1].rstrip("/").rsplit("/", 1)[1]).is_test
    marketer.goto(link[1].removeprefix(marketer.base))
    assert page.locator("button[value=leave]").count() == 0
    person.refresh_from_db()
    marketer.goto(reverse("events:campaign_report", args=[campaign.public_id]))
    expect(page.locator("#content")).to_contain_text("Nothing has been sent yet")
    assert not Delivery.objects.filter(subscriber_id=person.pk).exists()


def test_ux_14_what_is_illegal_blocks_send_with_a_way_to_mend_it_and_a_missing_alt_only_warns(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    page = marketer.page
    broken = make_template(html=HTML.replace("{{unsubscribe_url}}", "https://example.com"))
    marketer.goto(step(draft(site.friends, template=broken), "review"))
    expect(page.get_by_role("button", name=re.compile("^Send to"))).to_be_disabled()
    checks = page.get_by_role("region", name=re.compile("to mend first"))
    with page.expect_navigation():
        checks.get_by_role("link", name=re.compile("^Fix.*nsubscribe")).first.click()
    assert page.url.endswith(reverse("campaigns:template_edit", args=[broken.public_id]))
    no_alt = make_template(html=HTML.replace("<h1>", '<img src="https://example.com/a.png"><h1>'))
    marketer.goto(step(draft(site.friends, template=no_alt), "review"))
    expect(page.get_by_role("button", name=re.compile("^Send to"))).to_be_enabled()
    expect(page.locator(".mp-check.warning", has=page.get_by_label("Warning")).first).to_be_visible()
    # The preview loads no picture from elsewhere, and the browser says so.
    marketer.problems[:] = [each for each in marketer.problems if "https://example.com/a.png" not in each]


def test_ux_15_more_than_a_thousand_need_a_tick_and_two_clicks_or_a_reload_send_once(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign]
) -> None:
    campaign, page = draft(site.newsletter, site.friends), marketer.page
    marketer.goto(step(campaign, "review"))
    opener = page.get_by_role("button", name=re.compile("^Send to 1,00"))
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(re.compile(r"Send to 1,00\d people now\?"))
    expect(button(page, "Send now")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    # Once more, without the mouse.
    marketer.press(opener)
    marketer.press(page.get_by_label(re.compile("Yes, to all 1,00")), "Space")
    marketer.tab_to(button(page, "Send now"))
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Starting in a few seconds")).to_be_visible()
    page.reload()
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED
    button(page, "Undo").click()
    expect(page.locator("#content")).to_contain_text("Nothing was sent")


@pytest.mark.drill
def test_ux_16_undo_takes_everything_back_before_anything_left(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign], sandbox: RunningSandbox
) -> None:
    campaign, page = draft(site.friends), marketer.page
    before = len(sandbox.messages())
    marketer.goto(step(campaign, "review"))
    page.get_by_role("button", name=re.compile("^Send to")).click()
    button(page, "Send now").click()
    expect(page.locator("#content")).to_contain_text("Nothing has left yet. You can still take it back.")
    assert starting.start_due() == []  # its moment of grace is not over
    marketer.press(button(page, "Undo"))
    expect(page.locator("#content")).to_contain_text("Nothing was sent; the campaign is a draft again.")
    expect(page.locator("#mp-live[aria-live]")).to_contain_text("Nothing was sent")  # spoken, too
    campaign.refresh_from_db()
    assert (campaign.state, campaign.runs.count(), len(sandbox.messages())) == (
        CampaignState.DRAFT,
        0,
        before,
    )


def next_day(month: int) -> datetime:
    """The next tenth of the month, at nine in Berlin."""
    today = clock.now().date()
    day = today.replace(month=month, day=10)
    if day <= today + timedelta(days=1):
        day = day.replace(year=day.year + 1)
    return datetime.combine(day, time(9), ZoneInfo("Europe/Berlin"))


@pytest.mark.drill
@pytest.mark.parametrize(("month", "utc_and_there"), [(1, (8, "03:00 EST")), (7, (7, "03:00 EDT"))])
def test_ux_17_a_time_in_a_named_zone_is_the_right_instant_on_both_sides_of_daylight_saving(
    marketer: Visitor, site: Site, draft: Callable[..., Campaign], month: int, utc_and_there: tuple[int, str]
) -> None:
    campaign, page, at = draft(site.friends), marketer.page, next_day(month)
    hour, there = utc_and_there
    marketer.goto(step(campaign, "schedule"))
    marketer.expected_statuses.add(422)  # while the day is missing
    page.get_by_label("At a time that I choose").check()
    page.get_by_label("Day").fill(at.date().isoformat())
    page.locator("[name=time]").fill("09:00")
    page.locator("[name=zone]").select_option("Europe/Berlin")
    saved(page)
    button(page, "Continue").click()
    page.wait_for_url("**/review/")
    page.get_by_role("button", name=re.compile("^Schedule to")).click()
    button(page, "Schedule it").click()
    expect(page.locator("#state-title")).to_have_text("Planned")
    campaign.refresh_from_db()
    assert campaign.scheduled_at == at
    assert campaign.scheduled_at.astimezone(ZoneInfo("UTC")).hour == hour
    expect(page.locator("#progress")).to_contain_text(there)  # of who looks
    expect(page.locator("#progress")).to_contain_text("09:00 Europe/Berlin")
    button(page, "Take it back").click()
    expect(page.locator("#content")).to_contain_text("Nothing was sent")
