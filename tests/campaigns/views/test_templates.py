from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from campaigns.services import publishing, templates
from mailplatform.accounts.models import Role
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.campaigns import make_site, make_template, make_user
from tests.factories.sending import provision

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(make_user())
    return client


def test_the_list_takes_few_queries_however_many_there_are(
    marketer: Client, django_assert_max_num_queries: object
) -> None:
    for _ in range(12):
        make_template()
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        response = marketer.get(reverse("campaigns:template_list"))
    assert response.content.count(b"row-link") == 12


def test_the_list_can_be_searched(marketer: Client) -> None:
    make_template(name="Spring news")
    make_template(name="Winter news")
    page = marketer.get(reverse("campaigns:template_list"), {"search": "spring"}).content.decode()
    assert "Spring news" in page
    assert "Winter news" not in page


def test_an_empty_list_offers_the_starters(marketer: Client) -> None:
    page = marketer.get(reverse("campaigns:template_list"))
    assert b"No templates yet" in page.content
    marketer.post(reverse("campaigns:template_add"), {"starters": "1"})
    assert set(Template.objects.values_list("slug", flat=True)) == {"welcome-campaign", "product-promotion"}


def test_a_new_template_opens_in_the_editor_with_what_the_law_asks_for(marketer: Client) -> None:
    make_site()
    response = marketer.post(reverse("campaigns:template_add"), {"name": "March"}, follow=True)
    page = response.content.decode()
    assert "Hello {{name}}" in page
    template = Template.objects.get(name="March")
    codes = {f.code for f in templates.check(template, subject="A good subject").findings}
    assert codes == set()


@pytest.mark.parametrize(("kind", "begins"), [("mjml", "<mjml"), ("html", "<!doctype html>"), ("", "<mjml")])
def test_a_new_template_begins_in_the_chosen_kind_and_can_be_published(
    marketer: Client, kind: str, begins: str
) -> None:
    make_site()
    marketer.post(reverse("campaigns:template_add"), {"name": "March", "source_format": kind})
    template = Template.objects.get(name="March")
    assert template.html.startswith(begins)
    assert template.source_format == (kind or "mjml")
    template.subject = "A good subject"
    template.save()
    assert "{{html.unsubscribe_url}}" in publishing.publish(template=template, actor=None).html


def test_the_gallery_shows_each_starter_and_begins_with_one(marketer: Client) -> None:
    page = marketer.get(reverse("campaigns:template_add")).content.decode()
    assert page.count("mp-gallery-shot") == 10
    frame = marketer.get(reverse("campaigns:starter_preview", args=["receipt"]))
    assert "Teapot" in frame.content.decode()
    assert frame["Content-Security-Policy"].startswith("sandbox;")
    assert marketer.get(reverse("campaigns:starter_preview", args=["nothing"])).status_code == 404
    marketer.post(reverse("campaigns:template_add"), {"starter": "receipt"})
    assert Template.objects.get().source_format == "mjml"
    assert marketer.post(reverse("campaigns:template_add"), {"starter": "nothing"}).status_code == 404


def test_a_pasted_template_is_kept_and_its_foreign_tags_converted(marketer: Client) -> None:
    source = "<p>Hi *|FNAME|*</p>\n<p>*|IF:SIZE > 3|*x</p>"
    data = {"import-name": "Old", "import-source": source}
    page = marketer.post(reverse("campaigns:template_import"), data, follow=True).content.decode()
    assert "1 tag of another product converted. 1 left as they were" in page
    assert "*|IF:SIZE &gt; 3|* (line 2)" in page
    template = Template.objects.get(name="Old")
    assert template.html == source.replace("*|FNAME|*", "{{first_name}}")
    assert template.source_format == "html"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_uploaded_template_is_read_in_any_usual_encoding(marketer: Client, encoding: str) -> None:
    source = "<mjml><mj-body>Grüße</mj-body></mjml>"
    file = SimpleUploadedFile("a.mjml", source.encode(encoding))
    marketer.post(reverse("campaigns:template_import"), {"import-name": "Old", "import-file": file})
    template = Template.objects.get(name="Old")
    assert (template.html, template.source_format) == (source, "mjml")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"import-name": "Old"}, "Choose a file or paste the source."),
        ({"import-name": "Taken", "import-source": "x"}, "already a template"),
        (
            {"import-name": "Old", "import-file": SimpleUploadedFile("a.zip", b"PK\x00\x01")},
            "This file is no text",
        ),
        (
            {"import-name": "Old", "import-file": SimpleUploadedFile("a.html", b"x" * 2_000_001)},
            "larger than 2 MB",
        ),
    ],
)
def test_what_cannot_be_imported_is_said_and_makes_nothing(
    marketer: Client, data: dict[str, object], words: str
) -> None:
    make_template(name="Taken")
    response = marketer.post(reverse("campaigns:template_import"), data)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert Template.objects.count() == 1


def test_a_file_keeps_its_line_ends_and_what_is_pasted_has_those_of_unix(marketer: Client) -> None:
    file = SimpleUploadedFile("a.html", b"<p>a</p>\r\n<p>b</p>\n")
    marketer.post(reverse("campaigns:template_import"), {"import-name": "File", "import-file": file})
    pasted = {"import-name": "Pasted", "import-source": "<p>a</p>\r\n<p>b</p>\r\n"}
    marketer.post(reverse("campaigns:template_import"), pasted)
    assert Template.objects.get(name="File").html == "<p>a</p>\r\n<p>b</p>\n"
    assert Template.objects.get(name="Pasted").html == "<p>a</p>\n<p>b</p>\n"


def test_versions_and_the_draft_can_be_compared(marketer: Client) -> None:
    make_site()
    template = make_template(subject="The first subject")
    publishing.publish(template=template, actor=None)
    changed = templates.save_draft(
        template_id=template.pk, actor=None, revision=1, subject="The second <subject>"
    )
    publishing.publish(template=changed, actor=None)
    url = reverse("campaigns:template_versions", args=[template.public_id])
    page = marketer.get(url, {"version": "1", "with": "2"}).content.decode()
    assert "<code>The first subject</code>" in page
    assert "<code>The second &lt;subject&gt;</code>" in page
    assert "Nothing differs." in marketer.get(url, {"version": "2", "with": "draft"}).content.decode()
    assert "Changes of" not in marketer.get(url, {"version": "2", "with": "99"}).content.decode()


def test_a_name_that_is_taken_is_said_at_the_field(marketer: Client) -> None:
    make_template(name="March")
    response = marketer.post(reverse("campaigns:template_add"), {"name": "march"})
    assert response.status_code == 422
    assert "already a template" in response.content.decode()


def test_versions_are_listed_shown_and_restored(marketer: Client) -> None:
    make_site()
    template = make_template(subject="The first subject")
    publishing.publish(template=template, actor=None)
    saved = templates.save_draft(
        template_id=template.pk, actor=None, revision=1, subject="The second subject"
    )
    publishing.publish(template=saved, actor=None)
    page = marketer.get(reverse("campaigns:template_versions", args=[template.public_id]))
    assert page.content.count(b'href="?version=') == 4
    frame = marketer.get(reverse("campaigns:version_preview", args=[template.public_id, 1, "html"]))
    assert "sandbox" in frame["Content-Security-Policy"]
    assert b"Hi Ann Example" in frame.content
    url = reverse("campaigns:version_restore", args=[template.public_id, 1])
    marketer.post(url, {"revision": "1"})
    template.refresh_from_db()
    assert template.subject == "The second subject"
    marketer.post(url, {"revision": "2"})
    template.refresh_from_db()
    assert template.subject == "The first subject"


def test_copy_and_archive(marketer: Client) -> None:
    template = make_template(name="March")
    marketer.post(reverse("campaigns:template_duplicate", args=[template.public_id]))
    assert Template.objects.filter(name="March (copy)").exists()
    marketer.post(reverse("campaigns:template_archive", args=[template.public_id]))
    template.refresh_from_db()
    assert template.archived_at is not None
    assert b"March" in marketer.get(reverse("campaigns:template_list"), {"archived": "1"}).content


def test_a_viewer_looks_and_changes_nothing(client: Client) -> None:
    client.force_login(make_user(Role.VIEWER))
    template = make_template()
    edit = reverse("campaigns:template_edit", args=[template.public_id])
    assert client.get(edit).status_code == 200
    assert client.post(edit, {"revision": "1", "name": "x", "html": "gone"}).status_code == 403
    for name in ("template_duplicate", "template_archive", "template_test"):
        assert client.post(reverse(f"campaigns:{name}", args=[template.public_id])).status_code == 403
    template.refresh_from_db()
    assert template.revision == 1


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    make_user()
    response = client.get(reverse("campaigns:template_list"))
    assert response.status_code == 302
    assert reverse("account_login") in response["Location"]


def test_what_the_draft_was_is_listed_compared_and_restored(marketer: Client) -> None:
    template = make_template(subject="The first subject")
    templates.save_draft(template_id=template.pk, actor=make_user(), revision=1, subject="The second subject")
    url = reverse("campaigns:template_versions", args=[template.public_id])
    page = marketer.get(url, {"draft": "1"}).content.decode()
    assert "The first subject" in page
    assert "<code>The second subject</code>" in page
    restore = reverse("campaigns:draft_restore", args=[template.public_id, 1])
    assert marketer.post(restore, {"revision": "1"}).url == url  # type: ignore[attr-defined]  # a redirect
    marketer.post(restore, {"revision": "2"})
    template.refresh_from_db()
    assert template.subject == "The first subject"
    assert [draft.source["subject"] for draft in template.drafts.all()] == [
        "The second subject",
        "The first subject",
    ]
    assert marketer.post(restore.replace("/1/", "/99/"), {"revision": "3"}).status_code == 404


def test_the_page_of_versions_takes_few_queries_however_much_was_kept(
    marketer: Client, django_assert_max_num_queries: object
) -> None:
    template = make_template()
    for number in range(4):
        saved = templates.save_draft(
            template_id=template.pk,
            actor=make_user(),
            revision=number + 1,
            subject=f"Subject number {number}",
        )
        publishing.publish(template=saved, actor=None)
    with django_assert_max_num_queries(12):  # type: ignore[operator]  # a fixture without a type
        page = marketer.get(reverse("campaigns:template_versions", args=[template.public_id]))
    assert page.content.count(b"/drafts/") == 4


def test_a_version_is_shown_as_amazon_renders_it_or_said_why_not(
    marketer: Client, shared_sandbox: RunningSandbox, settings: Any
) -> None:
    make_site()
    shared_sandbox.reset()
    provision(shared_sandbox, settings)
    template = make_template()
    publishing.publish(template=template, actor=None)
    frame = reverse("campaigns:version_preview", args=[template.public_id, 1, "html"])
    assert "Hi Ann Example" in marketer.get(frame, {"ses": "1"}).content.decode()
    page = marketer.get(reverse("campaigns:template_versions", args=[template.public_id]), {"ses": "1"})
    assert f"{frame}?ses=1" in page.content.decode()
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9", "sns": "http://127.0.0.1:9"}
    assert "could not be reached" in marketer.get(frame, {"ses": "1"}).content.decode()
