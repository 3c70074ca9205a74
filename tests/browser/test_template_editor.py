"""Writing a template while the network, a colleague or another product gets in the way."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from campaigns.models import Template
from campaigns.rendering import SourceKind
from campaigns.services import templates
from tests.browser.conftest import Visitor, sign_in
from tests.factories.campaigns import make_site, make_template, make_user


@pytest.fixture
def marketer(visitor: Visitor) -> Visitor:
    make_site()
    sign_in(visitor.page.context, visitor.base, make_user())
    return visitor


@pytest.fixture
def template() -> Template:
    return make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)


def open_editor(marketer: Visitor, template: Template) -> Page:
    marketer.goto(reverse("campaigns:template_edit", args=[template.public_id]))
    expect(marketer.page.locator(".mp-editor .cm-content")).to_be_visible()
    return marketer.page


def type_at_the_end(page: Page, words: str) -> None:
    page.locator(".mp-editor .cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(words)


def test_ux_10_what_is_written_is_saved_by_itself(marketer: Visitor, template: Template) -> None:
    page = open_editor(marketer, template)
    type_at_the_end(page, "<!-- one -->")
    expect(page.locator("#autosave")).to_contain_text("Saved at")
    type_at_the_end(page, "<!-- two -->")
    expect(page.locator("input[name=revision]")).to_have_value("3")
    page.reload()
    template.refresh_from_db()
    assert template.html.rstrip().endswith("<!-- one --><!-- two -->")
    expect(page.locator("#autosave")).to_have_text("")


def test_ux_11_the_second_of_two_people_is_told_and_loses_nothing(
    marketer: Visitor, template: Template
) -> None:
    page = open_editor(marketer, template)
    anna = make_user(name="Anna")
    templates.save_draft(template_id=template.pk, actor=anna, revision=1, subject="Anna's subject")
    marketer.expected_statuses.add(409)
    type_at_the_end(page, "<!-- mine -->")
    expect(page.locator("#autosave")).to_contain_text("saved this template meanwhile. Yours is still here")
    page.get_by_role("button", name="Compare both").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Somebody else saved")
    expect(page.locator(".mp-diff-line.added").first).to_be_visible()
    marketer.look("conflict", axe=False)
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.locator("#content")).to_contain_text("Saved as a draft.")
    template.refresh_from_db()
    assert template.html.rstrip().endswith("<!-- mine -->")
    assert template.source_format == "mjml"


def test_a_lost_network_keeps_the_text_and_says_so(marketer: Visitor, template: Template) -> None:
    page = open_editor(marketer, template)
    page.context.set_offline(True)
    type_at_the_end(page, "<!-- kept -->")
    expect(page.locator("#autosave")).to_contain_text("No connection. Your text is kept in this browser")
    assert "<!-- kept -->" in str(page.evaluate("Object.values(localStorage).join()"))
    page.context.set_offline(False)
    expect(page.locator("#autosave")).to_contain_text("Saved at")
    template.refresh_from_db()
    assert template.html.rstrip().endswith("<!-- kept -->")
    marketer.problems.clear()  # the browser's own words about the requests that failed


def test_text_that_was_never_saved_is_offered_again(marketer: Visitor, template: Template) -> None:
    page = open_editor(marketer, template)
    # As the page leaves it when it is closed without a network; closing a page here would race with its last try.
    page.evaluate(
        """() => {
            const form = document.querySelector("form[data-autosave]");
            const names = ["name", "subject", "html"];
            const content = Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
            content.html += "<!-- kept -->";
            localStorage.setItem(form.dataset.autosaveKey, JSON.stringify({ at: Date.now(), content }));
        }"""
    )
    page = open_editor(marketer, template)
    expect(page.locator("#autosave")).to_contain_text("that was never saved")
    page.get_by_role("button", name="Bring it back").click()
    expect(page.locator("#autosave")).to_contain_text("Saved at")
    template.refresh_from_db()
    assert template.html.endswith("<!-- kept -->")
    page = open_editor(marketer, template)
    expect(page.locator("#autosave")).to_have_text("")
