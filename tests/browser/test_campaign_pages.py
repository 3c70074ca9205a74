"""The editor and the steps of a campaign, with the hands of a marketer."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.models import Campaign, CampaignState
from campaigns.services import sending_settings, templates
from mailplatform.core import clock
from tests.browser.conftest import Visitor, sign_in
from tests.factories.campaigns import (
    make_campaign,
    make_list,
    make_people,
    make_ready_campaign,
    make_run,
    make_site,
    make_subscriber,
    make_template,
    make_user,
)


@pytest.fixture
def marketer(visitor: Visitor) -> Visitor:
    make_site()
    sign_in(visitor.page.context, visitor.base, make_user())
    return visitor


def test_the_editor_checks_and_previews_while_one_types(marketer: Visitor) -> None:
    template = make_template()
    make_subscriber(email="zoe@example.org", name="Zoë Lee")
    page = marketer.page
    marketer.goto(reverse("campaigns:template_edit", args=[template.public_id]))
    expect(page.locator("textarea[name=html]")).to_be_hidden()
    page.locator(".mp-editor .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\n{{#if name}}")
    expect(page.locator("#check")).to_contain_text("{{#if}} is never closed.")
    expect(page.locator(".mp-editor .cm-lint-marker")).to_have_count(1)
    page.keyboard.insert_text("unsaved words{{/if}}")
    expect(page.locator("#check")).to_contain_text("No problems found")
    page.get_by_label("Show it as").fill("zoe@example.org")
    page.get_by_label("Show it as").blur()
    frame = page.frame_locator("iframe[title='The mail as it is shown']")
    expect(frame.locator("h1")).to_have_text("Hi Zoë Lee")
    expect(frame.locator("body")).to_contain_text("unsaved words")
    page.get_by_role("button", name="Phone width").click()
    box = page.locator("#view-html iframe").bounding_box()
    assert box is not None
    assert box["width"] == 360
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#content")).to_contain_text("Saved as a draft.")
    template.refresh_from_db()
    assert template.html.endswith("{{#if name}}unsaved words{{/if}}")


def test_a_campaign_from_its_name_to_send_and_back(marketer: Visitor) -> None:
    templates.ensure_starters()
    mailing_list = make_list("Newsletter")
    make_people(mailing_list, 3)
    page = marketer.page
    marketer.goto(reverse("campaigns:campaign_new"))
    page.get_by_label("Name").fill("March")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/to/")  # loaded, with its scripts
    page.get_by_label("Newsletter").first.check()
    expect(page.locator("#step-side")).to_contain_text("of 3 people will receive it")
    expect(page.locator("#saved-note")).to_have_text("Saved.")
    page.reload()
    expect(page.get_by_label("Newsletter").first).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/from/")
    page.get_by_label("Subject").fill("Only today for {{name}}")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/content/")
    page.get_by_label("Template").select_option(label="Product promotion")
    page.get_by_label("discount").fill("33")
    frame = page.frame_locator("iframe[title='The mail as it is shown']")
    expect(frame.locator("h1")).to_have_text("33% off Smart Watch")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/schedule/")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Ready to send")).to_be_visible()
    page.get_by_role("button", name="Send to 3 people").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Send to 3 people now?")
    expect(dialog).to_contain_text("Only today for Ann Example")
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("heading", name="Starting in a few seconds")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#content")).to_contain_text("Nothing was sent")
    campaign = Campaign.objects.get(name="March")
    assert (campaign.state, campaign.runs.count()) == (CampaignState.DRAFT, 0)


@pytest.mark.drill
def test_approval_repeating_and_what_needs_one_are_fit_to_look_at(marketer: Visitor) -> None:
    """What they do is shown by the services' tests; here only that the pages fit and are accessible."""
    make_user(name="Bob")
    sending_settings.update(actor=None, approval_needed=True)
    campaign = make_ready_campaign(name="Digest", tags=["weekly"], utm={"source": "newsletter"})
    page, both = marketer.page, ("light", "dark")
    marketer.goto(reverse("campaigns:campaign_repeat", args=[campaign.public_id]))
    page.get_by_role("button", name="Let it repeat").click()
    expect(page.locator("#content")).to_contain_text("It repeats every Monday at 09:00")
    page.get_by_role("button", name="Leave the next one out").click()
    expect(page.locator("#content")).to_contain_text("Left out: Skipped by hand")
    marketer.look("repeating", themes=both)
    page.get_by_role("button", name="Stop repeating").click()
    marketer.goto(reverse("campaigns:campaign_step", args=[campaign.public_id, "review"]))
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.locator("#content")).to_contain_text("asked for an approval")
    marketer.look("approval", themes=both)
    page.get_by_role("button", name="Approve it").click()
    expect(page.locator("#content")).to_contain_text("That was you, so somebody else sends it.")
    make_campaign(name="Late", state="scheduled", missed_at=clock.now())
    make_run(make_campaign(name="Broken", state="failed"), state="failed", pause_reason="The sum is wrong.")
    marketer.goto(reverse("events:dashboard"))
    expect(page.locator("#content")).to_contain_text("“Late” has not started")
    marketer.look("needs", themes=both)
    marketer.goto(reverse("campaigns:campaign_list"))
    marketer.look("campaigns filed", themes=both)
