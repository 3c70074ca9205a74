"""The visual editor, which must never damage what it did not change."""

import re
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import FrameLocator, Page, expect

from campaigns.models import Template
from campaigns.rendering import SourceKind
from campaigns.services import template_gallery, templates
from tests.browser.conftest import Visitor, sign_in
from tests.factories.campaigns import make_site, make_template, make_user

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "templates"
SOURCES = sorted(FIXTURES.glob("*.mjml")) + sorted(template_gallery.folder().glob("*.mjml"))


@pytest.fixture
def marketer(visitor: Visitor) -> Visitor:
    make_site()
    sign_in(visitor.page.context, visitor.base, make_user())
    return visitor


def open_visually(marketer: Visitor, template: Template) -> Page:
    marketer.goto(reverse("campaigns:template_visual", args=[template.public_id]))
    expect(marketer.page.locator("#visual[data-ready]")).to_be_visible()
    return marketer.page


def canvas(page: Page) -> FrameLocator:
    return page.frame_locator("#visual iframe.gjs-frame")


def source_of(page: Page) -> str:
    return page.locator("textarea[name=html]").input_value()


def from_fixture(name: str) -> Template:
    return make_template(html=(FIXTURES / name).read_bytes().decode(), source_format=SourceKind.MJML)


def write_and_undo(page: Page, source: str) -> None:
    """Change the last text of the mail, see that the source follows, and take it back."""
    source = source.replace("\r\n", "\n")  # as the page's own field has it
    canvas(page).get_by_text("Unsubscribe").last.dblclick()
    page.keyboard.insert_text("changed words ")
    expect(page.locator("textarea[name=html]")).not_to_have_value(source)
    canvas(page).locator("body").click(position={"x": 3, "y": 3})
    for _ in range(6):
        page.get_by_role("button", name="Undo").click()
        if source_of(page) == source:
            break
        page.wait_for_timeout(50)
    expect(page.locator("textarea[name=html]")).to_have_value(source)


def forgive_pictures(marketer: Visitor) -> None:
    """Pictures of a mail stand on hosts that a test has not."""
    away = re.compile(r"request to https://[\w.-]+\.example/|ERR_NAME_NOT_RESOLVED")
    marketer.problems[:] = [words for words in marketer.problems if not away.search(words)]


def test_ux_09_what_was_changed_and_taken_back_is_stored_byte_for_byte(marketer: Visitor) -> None:
    template = from_fixture("order-receipt.mjml")
    page = open_visually(marketer, template)
    write_and_undo(page, template.html)
    expect(page.locator("[data-autosave-status]")).to_contain_text("Saved at")
    stored = Template.objects.get(pk=template.pk)
    assert stored.html == template.html
    assert "{{#each items}}" in stored.html
    forgive_pictures(marketer)


def test_only_the_words_that_were_changed_are_written_anew(marketer: Visitor) -> None:
    template = make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)
    page = open_visually(marketer, template)
    canvas(page).get_by_text("Write your news here.").dblclick()
    page.keyboard.press("End")
    page.keyboard.insert_text(" Bread & butter")
    canvas(page).get_by_text("Hello").click()
    expect(page.locator("[data-autosave-status]")).to_contain_text("Saved at")
    stored = Template.objects.get(pk=template.pk)
    old, new = "Write your news here.", "Write your news here. Bread &amp; butter"
    assert stored.html == template.html.replace(old, new)


def test_ux_08_show_only_if_is_chosen_from_a_list(marketer: Visitor) -> None:
    template = make_template(
        html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML, defaults={"vip": ""}
    )
    page = open_visually(marketer, template)
    canvas(page).get_by_text("Write your news here.").click()
    page.locator("#visual-traits select").select_option(label="Only if vip")
    expect(page.locator("[data-autosave-status]")).to_contain_text("Saved at")
    stored = Template.objects.get(pk=template.pk)
    text = "<mj-text>Write your news here."
    assert stored.html == template.html.replace(text, text.replace(">", ' css-class="hb-if--vip">', 1))
    assert templates.check(stored, subject="A good subject").is_valid


def test_a_block_is_put_in_by_keyboard_too_and_the_page_fits(marketer: Visitor) -> None:
    template = make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)
    page = open_visually(marketer, template)
    marketer.look("visual editor", themes=("light", "dark"))
    canvas(page).get_by_text("Write your news here.").click()
    block = page.locator("#visual-blocks").get_by_role("button", name="Heading")
    block.focus()
    page.keyboard.press("Enter")
    looks = 'font-size="26px" line-height="34px" font-weight="bold" color="#171b26"'
    heading = f"\n        <mj-text {looks}>A heading</mj-text>"
    added = template.html.replace("here.</mj-text>", f"here.</mj-text>{heading}")
    expect(page.locator("textarea[name=html]")).to_have_value(added)


@pytest.mark.drill
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_ux_09_every_template_survives_the_visual_editor_three_times(marketer: Visitor, path: Path) -> None:
    template = make_template(html=path.read_bytes().decode(), source_format=SourceKind.MJML)
    for _ in range(3):
        page = open_visually(marketer, template)
        write_and_undo(page, template.html)
        expect(page.locator("[data-autosave-status]")).to_contain_text("Saved at")
        assert Template.objects.get(pk=template.pk).html == template.html
    forgive_pictures(marketer)
