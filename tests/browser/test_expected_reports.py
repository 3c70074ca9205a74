"""What a marketer expects of a campaign on its way, of its report and of the first page, in a browser."""

import csv
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from campaigns.models import Campaign, Delivery, Run, RunState
from events import ingest, safety
from events.models import Outcome
from events.selectors import breakdown, dashboard, people, report
from events.services import stopping
from mailplatform.accounts.models import User
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import Segment
from subscribers.selectors import segments
from tests.browser.conftest import Visitor, one_history, signed_in
from tests.factories import sending
from tests.factories.accounts import UserFactory
from tests.factories.campaigns import make_site
from tests.factories.events import inbound, make_person, make_run, payload
from tests.factories.stories import make_finished_campaign

LIMITS = safety.Limits(accepted=10, bounces=3, complaints=2, rendering_failures=3)
# What leads to people: every link of the report to a list of them.
TO_PEOPLE = "#report a[href*='/report/people/?']"


@pytest.fixture(scope="module")
def marketer_user(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, server_url: str
) -> Iterator[User]:
    with one_history(django_db_blocker):
        make_site(public_url=server_url)
        yield UserFactory.create(name="Mara", email="mara@shop.example")


@pytest.fixture(scope="module")
def finished(marketer_user: User) -> Run:
    """A campaign that went out hours ago, with everything that can come back."""
    return Run.objects.select_related("campaign").get(pk=make_finished_campaign(48).pk)


@pytest.fixture(scope="module")
def only_window(marketer_user: User, browser: Browser, server_url: str) -> Iterator[Visitor]:
    with signed_in(browser, server_url, marketer_user) as visitor:
        yield visitor


@pytest.fixture
def marketer(only_window: Visitor) -> Iterator[Visitor]:
    only_window.problems.clear()
    yield only_window
    only_window.quiet()


def address(campaign: Campaign, name: str = "events:campaign_report") -> str:
    return reverse(name, args=[campaign.public_id])


def number(text: str) -> int:
    """The whole number that a text begins with, written with commas."""
    found = re.match(r"[\d,]+", text.strip())
    assert found is not None, text
    return int(found[0].replace(",", ""))


def facts(page: Page) -> str:
    return re.sub(r"\s+", " ", page.locator("#content").inner_text())


def test_ux_01_the_dashboard_says_how_one_is_doing_with_exact_numbers(
    marketer: Visitor, finished: Run
) -> None:
    earlier = finished.launched_at - timedelta(days=1)
    Run.objects.exclude(pk=finished.pk).update(launched_at=earlier)  # the first page speaks of the last one
    marketer.goto(reverse("events:dashboard"))
    shown, d, last = facts(marketer.page), dashboard.dashboard(installation.get()), report.report(finished)
    for words in (
        f"Sent in 30 days {d.month.sent:,} {d.month.delivered:,} delivered {d.month.bounced:,} bounced",
        f"Subscribers {d.people:,} {d.month.joined:,} joined in 30 days {d.month.left:,} left",
        "Reputation", "limit 5 %", "limit 0.1 %",
        f"Quota left today {d.quota_left:,} of 200,000 mails",
        f"Accepted by Amazon SES {last.accepted}", f"Delivered {last.delivered}",
        f"Opened of {last.trackable_opens} who",
    ):  # fmt: skip
        assert words in shown.replace("\xa0", " ")
    expect(marketer.page.get_by_role("link", name=finished.campaign.name)).to_be_visible()


@pytest.mark.drill
def test_a_report_that_refreshes_itself_waits_while_the_keyboard_is_in_it(
    marketer: Visitor, marketer_user: User
) -> None:
    audience = sending.make_list()
    sending.make_people(3, audience)
    run, page = sending.make_run(audience), marketer.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "hx-request" in request.headers else None)
    marketer.goto(address(run.campaign))
    page.locator("#report a").first.focus()
    page.keyboard.press("Tab")
    page.wait_for_timeout(7_000)
    assert not asked
    expect(page.locator("#report :focus")).to_have_count(1)
    page.locator("#report :focus").blur()
    with page.expect_request(lambda request: "hx-request" in request.headers):
        pass


@pytest.mark.drill
def test_ux_18_progress_moves_without_a_reload_and_stops_asking_when_it_is_over(
    marketer: Visitor, marketer_user: User
) -> None:
    audience = sending.make_list()
    persons = sending.make_people(40, audience)
    run, page = sending.make_run(audience), marketer.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/progress/" in request.url else None)
    marketer.goto(address(run.campaign, "campaigns:campaign_detail"))
    expect(page.locator("#state-title")).to_have_text("Sending")
    assert "0 of 40 people done" in facts(page)
    rows = [
        Delivery(
            run_id=run.pk,
            subscriber_id=person.pk,
            state="accepted",
            message_id=f"x{person.pk}",
            at=clock.now(),
        )
        for person in persons
    ]
    Delivery.objects.bulk_create(rows[:30])
    expect(page.locator("#progress")).to_contain_text("30 of 40 people done")
    expect(page.locator("#progress")).to_contain_text("per second")
    Delivery.objects.bulk_create(rows[30:])
    Run.objects.filter(pk=run.pk).update(state=RunState.SENT, finished_at=clock.now())
    Campaign.objects.filter(pk=run.campaign_id).update(state="sent")
    expect(page.locator("#state-title")).to_have_text("Sent")
    expect(page.locator("#progress")).to_contain_text("100")
    told, before = page.locator("#progress").get_attribute("hx-trigger"), len(asked)
    page.wait_for_timeout(4_500)
    assert (told, len(asked)) == (None, before)


@pytest.mark.drill
def test_ux_19_pause_resume_and_cancel_are_honest_and_nobody_is_mailed_twice(
    marketer: Visitor, marketer_user: User
) -> None:
    audience, fake, page = sending.make_list(), sending.FakeSes(), marketer.page
    persons = sending.make_people(30, audience)
    run = sending.make_run(audience)
    sent = persons[:10]
    Delivery.objects.bulk_create(
        Delivery(
            run_id=run.pk, subscriber_id=each.pk, state="accepted", message_id=f"y{each.pk}", at=clock.now()
        )
        for each in sent
    )
    marketer.goto(address(run.campaign, "campaigns:campaign_detail"))
    marketer.press(page.get_by_role("button", name="Pause"))
    expect(page.locator("#content")).to_contain_text(
        "10 mails are sent and cannot be recalled; the rest waits."
    )
    expect(page.locator("#content")).to_contain_text("10 mails already sent cannot be recalled.")
    run.refresh_from_db()
    sending.drain_all(run, fake, seconds=1)
    assert not fake.accepted
    marketer.press(page.get_by_role("button", name="Resume"))
    expect(page.locator("#content")).to_contain_text("Going on with the people who have not got it yet.")
    run.refresh_from_db()
    assert run.state == RunState.SENDING
    marketer.press(page.get_by_role("button", name="Cancel the campaign"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Mails already sent cannot be recalled. This cannot be undone.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    sending.drain_all(run, fake, rounds=5)
    assert set(fake.accepted) == {each.email for each in persons} - {each.email for each in sent}
    assert set(fake.accepted.values()) == {1}


def test_ux_20_too_many_bounces_pause_it_with_a_banner_and_a_mail_to_its_owner(
    marketer: Visitor, marketer_user: User
) -> None:
    run, page = make_run(), marketer.page
    Campaign.objects.filter(pk=run.campaign_id).update(owner=marketer_user, name="Old list")
    persons = [make_person(f"old-{each}@gmail.com") for each in range(12)]
    events = [payload("Delivery", run, person) for person in persons[3:]]
    ingest.take_in(
        [inbound(each) for each in [*events, *(payload("Bounce", run, who) for who in persons[:3])]]
    )
    stopping.check_safety(limits=LIMITS)
    Campaign.objects.filter(pk=run.campaign_id).update(state="paused")
    mail.outbox = []
    stopping.tell_owners()
    marketer.goto(address(run.campaign, "campaigns:campaign_detail"))
    banner = page.locator(".mp-notice.error")
    expect(banner).to_contain_text("Stopped by the safety stop")
    expect(banner).to_contain_text("3 of 12 mails bounced in all")
    banner.get_by_role("link", name="Open the report").click()
    expect(page.locator("#report")).to_contain_text("3 of 12 mails bounced in all")
    (told,) = [each for each in mail.outbox if marketer_user.email in each.to]
    assert "3 of 12 mails bounced in all" in told.body


def test_ux_21_every_number_of_the_report_leads_to_as_many_people_and_as_many_rows(
    marketer: Visitor, finished: Run
) -> None:
    page, r = marketer.page, report.report(finished)
    marketer.goto(address(finished.campaign))
    assert r.delivered == r.accepted - r.all_bounced - r.rejected - r.quiet
    funnel = re.sub(r"\s+", " ", page.locator(".mp-funnel").inner_text())
    for words in (
        f"Audience {r.audience}",
        f"Accepted by Amazon SES {r.accepted}",
        f"Delivered {r.delivered}",
    ):
        assert words in funnel
    links = {
        (each.get_attribute("href") or "", each.inner_text())
        for each in page.locator(TO_PEOPLE).all()
        if re.fullmatch(r"[\d,]+", each.inner_text().strip())
    }
    assert len(links) > 25
    for path, text in sorted(links):
        behind = page.request.get(
            marketer.base + address(finished.campaign, "events:campaign_people") + path[path.index("?") :]
        )
        assert behind.status == 200
        head = re.search(r'mp-header-lead">\s*([\d,]+)', behind.text())
        assert head is not None
        assert number(head[1]) == number(text), path
    rows = address(finished.campaign, "events:campaign_people_csv")
    file = page.request.get(f"{marketer.base}{rows}?who=clicked")
    assert len(list(csv.reader(file.text().splitlines()))) - 1 == r.clicked
    expect(page.get_by_role("heading", name="What the words mean")).to_be_visible()


def test_ux_22_clicks_come_first_and_what_proxies_open_is_apart_and_the_chart_is_a_table_too(
    marketer: Visitor, finished: Run
) -> None:
    page, r = marketer.page, report.report(finished)
    marketer.goto(address(finished.campaign))
    labels = page.locator(".mp-stat-label").all_inner_texts()
    assert labels.index("Clicked") < labels.index("Opened")
    page.get_by_role("button", name="Table").first.click()
    table = page.get_by_role("region", name="Clicks and opens over time").get_by_role("table")
    heads = [each.lower() for each in table.locator("thead th").all_inner_texts()]
    opens = next(index for index, each in enumerate(heads) if "open" in each)
    assert heads.index(next(each for each in heads if "click" in each)) < opens
    points = report.hours(finished)
    column = table.locator(f"tbody tr > :nth-child({opens + 1})").all_inner_texts()
    assert sum(number(each) for each in column) == sum(each.opens for each in points)
    machines = Outcome.objects.filter(
        run_id=finished.pk, opened_at=None, machine_opened_at__isnull=False
    ).count()
    assert machines > 0
    assert r.opened == people.count(finished, people.Choice("opened"))
    expect(page.locator("#report")).to_contain_text("They are left out of every figure above.")


def test_ux_23_links_devices_and_bounces_are_told_in_plain_words_without_bots(
    marketer: Visitor, finished: Run
) -> None:
    page = marketer.page
    marketer.goto(address(finished.campaign))
    table = page.get_by_role("region", name="Links", exact=True).first
    for link in report.links(finished):
        row = table.get_by_role("row").filter(has_text=link.url)
        cells = [each.strip() for each in row.first.get_by_role("cell").all_inner_texts()]
        assert cells[1:4] == [str(link.unique), str(link.total), str(link.machines)]
    shown = facts(page)
    assert sum(link.machines for link in report.links(finished)) > 0
    assert "Devices" in shown
    for reason in report.bounce_reasons(breakdown.compute(finished)):
        assert f"{reason.words} {reason.count}" in shown


def test_ux_24_from_the_report_to_a_segment_of_as_many_people_in_one_click(
    marketer: Visitor, finished: Run
) -> None:
    page, found = marketer.page, breakdown.compute(finished)
    marketer.goto(address(finished.campaign))
    page.get_by_label("Make a segment of who").select_option("not_clicked")
    with page.expect_navigation(url="**/segments/**"):
        page.get_by_role("button", name="Make it").click()
    expect(page.locator("#content")).to_contain_text("did not click")
    made = Segment.objects.latest("pk")
    assert segments.count(made.rules).total == found.not_clicked > 0
    expect(page.locator("#content")).to_contain_text(re.compile(rf"\b{found.not_clicked}\b"))
