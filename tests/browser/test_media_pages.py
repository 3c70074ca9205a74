"""The media library, the brand, and the picker of pictures in both editors."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.models import Attachment, MediaFile, Template
from campaigns.rendering import SourceKind
from campaigns.selectors import brand
from campaigns.services import attachments, branding, templates
from tests.browser.conftest import Visitor, sign_in
from tests.factories.campaigns import make_campaign, make_site, make_template, make_user
from tests.factories.media import PDF, make_media, picture

pytestmark = pytest.mark.drill
BOTH = ("light", "dark")


@pytest.fixture
def marketer(visitor: Visitor, settings: Any, tmp_path: Path) -> Visitor:
    settings.MEDIA_ROOT = tmp_path
    make_site(public_url=visitor.base)
    sign_in(visitor.page.context, visitor.base, make_user())
    return visitor


def blank() -> Template:
    return make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)


def chosen(name: str, content: bytes) -> Any:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_files_are_added_and_what_is_wrong_with_others_is_told(marketer: Visitor) -> None:
    marketer.goto("/media/")
    marketer.look("media empty", themes=BOTH)
    page = marketer.page
    page.get_by_label("Choose files").set_input_files(
        [
            chosen("a view of the harbour in the morning light.png", picture((1_600, 900), colour="#3f7cac")),
            chosen("logo.png", picture((300, 90), colour="#0b5a5a")),
            chosen("terms.pdf", PDF),
            chosen("evil.svg", b"<svg><script>alert(1)</script></svg>"),
        ]
    )
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#content").get_by_text("3 files added.")).to_be_visible()
    expect(page.locator("#content").get_by_text("SVG can hold a program")).to_be_visible()
    marketer.settle()
    marketer.look("media list", themes=BOTH)
    page.get_by_role("link", name="logo.png").click()
    page.get_by_label("Alternative text").fill("Harbour Books")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#content").get_by_text("Saved.")).to_be_visible()
    marketer.settle()
    marketer.look("media detail", themes=BOTH)


def test_a_picture_comes_into_the_code_by_keyboard(marketer: Visitor) -> None:
    found = make_media("sky.png", picture((1_300, 600), colour="#3f7cac"), alt='The "sky"')
    template = blank()
    marketer.goto(reverse("campaigns:template_edit", args=[template.public_id]))
    page = marketer.page
    opener = page.get_by_role("button", name="Picture")
    opener.focus()
    page.keyboard.press("Enter")
    use = page.get_by_role("button", name="Use sky.png")
    expect(use).to_be_visible()
    marketer.settle()
    marketer.look("media picker", themes=BOTH)
    use.focus()
    page.keyboard.press("Enter")
    source = page.locator("textarea[name=html]")
    wanted = f'<mj-image src="{brand.file_url(found)}" alt="The &quot;sky&quot;" width="600px" />'
    assert wanted in source.input_value()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_picture_is_added_in_the_picker_and_comes_into_the_visual_editor(marketer: Visitor) -> None:
    other = make_media("sky.png", picture((300, 100)), alt="A sky")
    template = blank()
    marketer.goto(reverse("campaigns:template_visual", args=[template.public_id]))
    page = marketer.page
    expect(page.locator("#visual[data-ready]")).to_be_visible()
    page.get_by_role("button", name="Picture").click()
    page.get_by_label("Add a picture").set_input_files(chosen("boat.png", picture((800, 400))))
    page.locator("#media-picker").get_by_label("Alternative text").fill("A boat")
    page.locator("#media-picker").get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Use boat.png").click()
    source = page.locator("textarea[name=html]")
    boat = MediaFile.objects.get(name="boat.png")
    expect(source).to_have_value(re.compile(boat.public_id.hex))
    marketer.look("visual picture", axe=False)
    # It is selected now, so the next one takes its place.
    page.get_by_role("button", name="Picture").click()
    page.get_by_role("button", name="Use sky.png").click()
    expect(source).to_have_value(re.compile(other.public_id.hex))
    written = source.input_value()
    assert written.count("<mj-image") == 1
    for part in (f'src="{brand.file_url(other)}"', 'alt="A sky"', 'width="300px"'):
        assert part in written
    expect(page.locator("[data-autosave-status]")).to_contain_text("Saved at")


def test_the_brand_is_chosen_and_seen(marketer: Visitor) -> None:
    logo = make_media("logo.png", picture((320, 96), colour="#0b5a5a"), alt="Harbour Books")
    marketer.goto("/settings/brand/")
    page = marketer.page
    page.locator("select[name=logo]").select_option(label="logo.png")
    page.get_by_label("Main colour").fill("#c2185b")
    page.get_by_label("Social links").fill("Mastodon https://mastodon.example/@harbour")
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.locator("#content").get_by_text("The brand is saved")).to_be_visible()
    shown = page.frame_locator("iframe[title='A newsletter in your brand']")
    expect(shown.get_by_alt_text("Harbour Books")).to_be_visible()
    marketer.settle()
    marketer.look("brand", themes=BOTH)
    marketer.goto("/archive/")
    expect(page.get_by_alt_text("Example Ltd")).to_have_attribute("src", brand.file_path(logo))
    marketer.look("hosted page with brand", themes=BOTH)


def test_documents_are_attached_to_a_campaign(marketer: Visitor) -> None:
    branding.save(actor=None, logo=None, social=[], main_colour="#c2185b")
    campaign = make_campaign()
    marketer.goto(reverse("campaigns:campaign_step", args=[campaign.public_id, "content"]))
    page = marketer.page
    page.get_by_text("Attach a file").click()
    page.locator("#attach-file").set_input_files(chosen("programme.pdf", PDF))
    page.get_by_role("button", name="Attach").click()
    expect(page.locator("#content").get_by_text("goes with every mail")).to_be_visible()
    assert Attachment.objects.get(campaign=campaign).media.size <= attachments.MAX_TOTAL
    marketer.settle()
    marketer.look("content with attachment", themes=BOTH)
    page.get_by_role("button", name="Take off programme.pdf").click()
    expect(page.locator(".mp-attached")).to_have_count(0)
