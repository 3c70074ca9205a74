"""Writing a template while the network, a colleague or another product gets in the way."""

import pytest
from django.urls import reverse
from playwright.sync_api import FrameLocator, Page, expect

from campaigns.models import Template
from campaigns.rendering import SourceKind
from campaigns.services import templates
from tests.browser.conftest import Visitor, sign_in
from tests.factories.campaigns import HTML, make_site, make_subscriber, make_template, make_user


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


def mail(page: Page) -> FrameLocator:
    return page.frame_locator("#view-html iframe")


def test_ux_07_a_name_is_chosen_from_a_list_and_who_has_none_sees_what_stands_in(marketer: Visitor) -> None:
    make_subscriber(email="ann@example.org", name="")
    template = make_template(subject="For ", html=HTML.replace("Hi {{name}}", "Hi"))
    page = open_editor(marketer, template)
    page.locator("input[name=subject]").press("End")
    page.get_by_label("Variable", exact=True).select_option(label="First name")
    page.get_by_role("button", name="Insert", exact=True).press("Enter")
    expect(page.locator("input[name=subject]")).to_have_value("For {{first_name}}")
    page.get_by_label("Show it as").fill("ann@example.org")
    page.get_by_label("Show it as").press("Tab")
    expect(page.locator("#check .mp-inbox")).to_contain_text("For there")


def test_ux_12_desktop_phone_dark_text_and_images_off_as_any_real_contact(marketer: Visitor) -> None:
    for name in ("Zoë Lee", "Bo Berg"):
        make_subscriber(email=f"{name[:2].lower().replace('ë', 'e')}@example.org", name=name)
    style = "<style>@media (prefers-color-scheme: dark) { h1 { color: rgb(1, 2, 3) } }</style>"
    picture = '<img src="https://pictures.example/a.png" alt="A picture">'
    page = open_editor(marketer, make_template(html=HTML.replace("<body>", f"<body>{style}{picture}")))
    heading = mail(page).locator("h1")
    for address, name in (("zo@example.org", "Zoë Lee"), ("bo@example.org", "Bo Berg")):
        page.get_by_label("Show it as").fill(address)
        page.get_by_label("Show it as").press("Tab")
        expect(heading).to_have_text(f"Hi {name}")
    page.locator("[data-dark]").click()
    expect(heading).to_have_css("color", "rgb(1, 2, 3)")
    expect(heading).to_have_text("Hi Bo Berg")
    page.get_by_role("button", name="Phone width").click()
    assert page.locator("#view-html iframe").evaluate("frame => frame.getBoundingClientRect().width") <= 362
    page.get_by_role("button", name="Text part").click()
    expect(page.frame_locator("#view-text iframe").locator("pre")).to_contain_text("Hi Bo Berg")
    assert mail(page).get_by_alt_text("A picture").evaluate("image => image.naturalWidth") == 0
    # The browser's own words about the picture that was not loaded.
    marketer.problems[:] = [words for words in marketer.problems if "pictures.example" not in words]


def test_ux_10_what_the_draft_was_is_compared_and_brought_back(marketer: Visitor, template: Template) -> None:
    templates.save_draft(template_id=template.pk, actor=make_user(), revision=1, subject="Second thoughts")
    marketer.goto(reverse("campaigns:template_versions", args=[template.public_id]))
    page = marketer.page
    page.locator("#drafts a.row-link").click()
    expect(page.locator("#drafts .mp-diff-line.added")).to_contain_text("Second thoughts")
    page.locator("#drafts").get_by_role("button", name="Restore").click()
    expect(page.locator("input[name=subject]")).to_have_value(template.subject)
    marketer.goto(reverse("campaigns:template_versions", args=[template.public_id]))
    expect(page.locator("#drafts")).to_contain_text("Second thoughts")


@pytest.mark.drill
def test_each_starter_can_be_seen_in_the_gallery(marketer: Visitor) -> None:
    marketer.goto(reverse("campaigns:template_add"))
    shots = marketer.page.locator(".mp-gallery-shot iframe")
    for number in range(shots.count()):
        shots.nth(number).scroll_into_view_if_needed()
        words = marketer.page.frame_locator(".mp-gallery-shot iframe").nth(number).locator("body")
        expect(words).to_contain_text("Unsubscribe")
    marketer.look("gallery", themes=("light", "dark"))


@pytest.mark.drill
def test_the_editor_with_its_dialog_and_mistakes_is_accessible(marketer: Visitor, template: Template) -> None:
    templates.save_draft(template_id=template.pk, actor=make_user(), revision=1, subject="Second thoughts")
    page = open_editor(marketer, template)
    type_at_the_end(page, "{{#if nobody}}")
    expect(page.locator("#check")).to_contain_text("not well-formed")
    marketer.look("editor with a mistake", themes=("light", "dark"))
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Picture").click()
    expect(page.locator("dialog[open]")).to_be_visible()
    marketer.look("editor's picker", themes=("light", "dark"))
    page.keyboard.press("Escape")
    marketer.goto(reverse("campaigns:template_versions", args=[template.public_id]) + "?draft=1")
    marketer.look("drafts compared", themes=("light", "dark"))
