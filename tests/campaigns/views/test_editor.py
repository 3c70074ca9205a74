import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from campaigns.rendering import Part
from mailplatform.accounts.models import Role
from tests.factories.campaigns import HTML, make_site, make_subscriber, make_template, make_user

pytestmark = pytest.mark.django_db
FIXTURES = sorted((Path(__file__).resolve().parents[2] / "fixtures" / "templates").iterdir())


@pytest.fixture
def marketer(client: Client) -> Client:
    make_site()
    client.force_login(make_user())
    return client


def url(template: Template, name: str = "template_edit", *more: str) -> str:
    return reverse(f"campaigns:{name}", args=[template.public_id, *more])


def form(template: Template, **changes: Any) -> dict[str, Any]:
    names = ("revision", "name", "subject", "preheader", "html", "text")
    return {**{name: getattr(template, name) for name in names}, **changes}


def test_the_page_works_as_a_plain_form_and_names_the_editor(marketer: Client) -> None:
    page = marketer.get(url(make_template())).content.decode()
    assert 'data-editor="html"' in page
    assert "Hi {{name}}" in page
    assert "<style" not in page.split("<iframe")[0].split("</head>")[1]
    assert "onclick" not in page


def test_saving_keeps_handlebars_and_line_ends(marketer: Client) -> None:
    template = make_template()
    html = "<p>\r\n  {{#if name}}\r\n x {{/if}}</p>"
    response = marketer.post(url(template), form(template, html=html))
    assert response.status_code == 302
    template.refresh_from_db()
    assert template.html == "<p>\n  {{#if name}}\n x {{/if}}</p>"
    assert template.revision == 2


def test_a_second_stale_save_loses_nothing(marketer: Client) -> None:
    template = make_template()
    marketer.post(url(template), form(template, html=HTML + "<!-- first -->"))
    response = marketer.post(url(template), form(template, html=HTML + "<!-- second -->"))
    assert response.status_code == 409
    page = response.content.decode()
    assert "&lt;!-- first --&gt;" in page
    assert "&lt;!-- second --&gt;" in page
    template.refresh_from_db()
    assert template.html.endswith("<!-- first -->")
    again = form(template, html=HTML + "<!-- second -->", revision=2)
    assert marketer.post(url(template), again).status_code == 302
    template.refresh_from_db()
    assert template.html.endswith("<!-- second -->")


@pytest.mark.parametrize(
    ("html", "words"),
    [
        (HTML + "\n{{#if name}}", "{{#if}} is never closed."),
        (HTML + "\n{{nobody_knows}}", "{{nobody_knows}} is not known"),
        (HTML.replace("{{unsubscribe_url}}", "https://example.com"), "Every mail needs an unsubscribe link"),
    ],
)
def test_publishing_what_blocks_saves_and_says_why(marketer: Client, html: str, words: str) -> None:
    template = make_template()
    response = marketer.post(url(template), form(template, html=html, action="publish"), follow=True)
    page = response.content.decode()
    assert "Saved, but not published." in page
    assert words in page
    assert template.versions.count() == 0


def test_the_live_check_reads_what_is_typed_and_saves_nothing(marketer: Client) -> None:
    template = make_template()
    response = marketer.post(url(template, "template_check"), form(template, html=HTML + "{{#each x}}"))
    assert "{{#each}} is never closed." in response.content.decode()
    template.refresh_from_db()
    assert template.html == HTML


def test_without_redis_the_check_still_answers(marketer: Client, settings: Any) -> None:
    template = make_template()
    backend = settings.CACHES["default"]["BACKEND"]
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "unix:///nonexistent/redis.sock"}}
    assert marketer.post(url(template, "template_check"), form(template)).status_code == 200
    frame = marketer.get(url(template, "template_preview", "html"), {"live": "1"})
    assert "unsubscribe" in frame.content.decode().lower()


def test_the_live_preview_shows_a_chosen_person(marketer: Client) -> None:
    person = make_subscriber(name="Zoë <Lee>")
    template = make_template()
    data = form(template, html=HTML + "<p>unsaved</p>", person=person.email)
    marketer.post(url(template, "template_check"), data)
    frame = marketer.get(url(template, "template_preview", "html"), {"live": "1"})
    assert "Hi Zoë &lt;Lee&gt;" in frame.content.decode()
    assert "unsaved" in frame.content.decode()
    saved = marketer.get(url(template, "template_preview", "html")).content.decode()
    assert "unsaved" not in saved
    assert "Hi Ann Example" in saved


def test_ux_07_a_name_that_is_inserted_has_something_to_stand_in(marketer: Client) -> None:
    make_subscriber(email="ann@example.org", name="")
    template = make_template()
    assert (
        'data-insert="{{first_name}}"'
        in marketer.get(url(make_template(html="{{first_name}}"))).content.decode()
    )
    data = form(template, html=HTML + "<i>Dear {{first_name}}</i>", person="ann@example.org")
    marketer.post(url(template, "template_check"), data)
    frame = marketer.get(url(template, "template_preview", "html"), {"live": "1"})
    assert "<i>Dear there</i>" in frame.content.decode()


def test_ux_12_another_contact_is_shown_in_mail_and_text(marketer: Client) -> None:
    template = make_template()
    for name in ("Zoë Lee", "Bo Berg"):
        person = make_subscriber(name=name)
        marketer.post(url(template, "template_check"), form(template, person=person.email))
        for part in (Part.HTML, Part.TEXT):
            frame = marketer.get(url(template, "template_preview", part), {"live": "1"})
            assert name in frame.content.decode()


@pytest.mark.parametrize("part", [Part.HTML, Part.TEXT])
def test_a_frame_is_shut_in(marketer: Client, part: Part) -> None:
    frame = marketer.get(url(make_template(), "template_preview", part))
    policy = frame["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "https:" not in policy
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    assert frame["Cache-Control"] == "no-store"


def test_remote_images_are_only_loaded_on_request(marketer: Client) -> None:
    frame = marketer.get(url(make_template(), "template_preview", "html"), {"images": "1"})
    assert "img-src data: https:" in frame["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "dark", "light"),
    [({"dark": "1"}, "(min-width:0)", "(max-width:0)"), ({}, "(max-width:0)", "(min-width:0)")],
)
def test_dark_mode_is_shown_when_it_is_asked_for_whatever_the_theme(
    marketer: Client, asked: dict[str, str], dark: str, light: str
) -> None:
    rules = "@media (prefers-color-scheme: dark) {p{color:red}} @media (prefers-color-scheme:light) {p{color:blue}}"
    style = f"<style>{rules}</style>"
    frame = marketer.get(url(make_template(html=HTML + style), "template_preview", "html"), asked)
    page = frame.content.decode()
    assert f"@media {dark} {{p{{color:red}}}}" in page
    assert f"@media {light} {{p{{color:blue}}}}" in page
    assert f"color-scheme:{'dark' if asked else 'light'}" in page


def test_a_broken_template_shows_words_in_its_frame(marketer: Client) -> None:
    frame = marketer.get(url(make_template(html="{{#if a}}"), "template_preview", "html"))
    assert b"Mend the errors first" in frame.content


def test_there_is_no_third_part(marketer: Client) -> None:
    assert marketer.get(url(make_template(), "template_preview", "subject")).status_code == 404


def test_declaring_a_variable_makes_it_known(marketer: Client) -> None:
    template = make_template(html=HTML + "{{discount}}")
    marketer.post(url(template), form(template, declare="discount"))
    template.refresh_from_db()
    assert template.defaults == {"discount": ""}
    marketer.post(url(template), form(template, **{"default:discount": "20", "default:name": "friend"}))
    template.refresh_from_db()
    assert template.defaults == {"discount": "20", "name": "friend"}


def test_a_bad_variable_name_is_refused_at_the_form(marketer: Client) -> None:
    template = make_template()
    response = marketer.post(url(template), form(template, declare="two words"))
    assert response.status_code == 422
    assert "cannot be a variable" in response.content.decode()


def autosave(marketer: Client, template: Template, **changes: Any) -> Any:
    return marketer.post(url(template, "template_autosave"), form(template, **changes))


def test_autosave_keeps_the_draft_and_gives_the_next_revision(marketer: Client) -> None:
    template = make_template()
    answer = autosave(marketer, template, html=HTML + "\r\nmore", **{"default:name": "friend"})
    assert answer.status_code == 200
    assert answer.json()["revision"] == 2
    template.refresh_from_db()
    assert (template.html, template.defaults) == (HTML + "\nmore", {"name": "friend"})


def test_what_was_opened_and_saved_three_times_is_the_same_byte_for_byte(marketer: Client) -> None:
    for path in FIXTURES:
        source = path.read_bytes().decode()
        template = make_template(html=source, source_format=path.suffix[1:])
        for number in range(3):
            # A browser's field knows one kind of line end, and sends another.
            shown = re.sub("\r\n?", "\n", template.html).replace("\n", "\r\n")
            assert autosave(marketer, template, html=shown, subject=f"Look {number}").status_code == 200
            template.refresh_from_db()
        assert template.html == source, path.name
        assert template.subject == "Look 2"


def test_ux_11_an_autosave_that_comes_second_says_who_was_first_and_changes_nothing(marketer: Client) -> None:
    template = make_template()
    autosave(marketer, template, html="first")
    answer = autosave(marketer, template, html="second")
    assert answer.status_code == 409
    assert answer.json()["message"].endswith("saved this template meanwhile.")
    template.refresh_from_db()
    assert template.html == "first"


@pytest.mark.parametrize("changes", [{"name": ""}, {"name": "Taken"}, {"subject": "x" * 251}])
def test_an_autosave_that_cannot_be_says_why(marketer: Client, changes: dict[str, str]) -> None:
    make_template(name="Taken")
    answer = autosave(marketer, make_template(), **changes)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("Not saved: ")


def test_a_viewer_autosaves_nothing(client: Client) -> None:
    client.force_login(make_user(role=Role.VIEWER))
    template = make_template()
    assert autosave(client, template, html="x").status_code == 403
    assert "data-autosave=" not in client.get(url(template)).content.decode()


def test_foreign_tags_are_noticed_and_converted_on_request(marketer: Client) -> None:
    template = make_template(html=HTML + "*|FNAME|*")
    assert "Convert them" in marketer.get(url(template)).content.decode()
    data = form(template, html=HTML + "[City,fallback=your town]", subject="Hi *|FNAME|*", action="convert")
    assert "Convert them" in marketer.post(url(template, "template_check"), data).content.decode()
    page = marketer.post(url(template), data, follow=True).content.decode()
    assert "2 tags of another product converted." in page
    assert "Convert them" not in page
    template.refresh_from_db()
    assert template.html == HTML + "{{city}}"
    assert template.subject == "Hi {{first_name}}"
    assert template.defaults == {"city": "your town"}


def test_mjml_is_checked_and_previewed_compiled_and_kept_as_it_is_written(marketer: Client) -> None:
    template = make_template()
    source = "<mjml><mj-body>\n<mj-foo/></mj-body></mjml>"
    data = form(template, html=source, source_format="mjml")
    page = marketer.post(url(template, "template_check"), data).content.decode()
    assert "&lt;mj-foo&gt; is not a component of MJML." in page
    assert "line 2" in page
    column = "<mj-column><mj-text>Hi<br>{{name}}</mj-text></mj-column>"
    source = f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"
    marketer.post(url(template), form(template, html=source, source_format="mjml"))
    template.refresh_from_db()
    assert (template.html, template.source_format) == (source, "mjml")
    frame = marketer.get(url(template, "template_preview", "html")).content.decode()
    assert "Hi<br>Ann Example" in frame
    assert 'data-editor="mjml"' in marketer.get(url(template)).content.decode()


def test_values_of_lists_survive_a_save(marketer: Client) -> None:
    template = make_template(defaults={"preferences": [], "discount": "5"})
    marketer.post(url(template), form(template, **{"default:discount": "7"}))
    template.refresh_from_db()
    assert template.defaults == {"preferences": [], "discount": "7"}
