import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from campaigns.services import publishing, templates
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_site, make_template, make_user

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
    assert page.content.count(b"row-link") == 2
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
