from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_campaign, make_site, make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    make_site()
    client.force_login(make_user())
    return client


def post(client: Client, name: str, template: Template, **data: str) -> Any:
    return client.post(reverse(f"campaigns:{name}", args=[template.public_id]), data, follow=True)


def test_a_language_is_added_opened_and_put_away(marketer: Client) -> None:
    template = make_template(name="News")
    page = post(marketer, "template_language_add", template, language="de").content.decode()
    german = Template.objects.get(variant_of=template)
    assert "This is the text in German." in page
    assert f'href="/templates/{german.public_id}/" aria-current="page">German' in page
    assert f'href="/templates/{template.public_id}/">English' in page
    page = post(marketer, "template_archive", german).content.decode()
    assert page.count('aria-label="Languages"') == 0
    assert "<h1" in page
    assert "News" in page


def test_the_list_names_the_languages_of_a_template_and_not_each_as_one(marketer: Client) -> None:
    template = make_template(name="News")
    for code in ("de", "fr"):
        post(marketer, "template_language_add", template, language=code)
    page = marketer.get(reverse("campaigns:template_list")).content.decode()
    assert page.count("row-link") == 1
    assert "also de, fr" in page


@pytest.mark.parametrize(
    ("name", "language", "words"),
    [
        ("template_language_add", "", "Choose a language."),
        ("template_language_add", "klingon", "Choose a language."),
        ("template_language_add", "en", "There is a text in English already."),
        ("template_language_say", "de", "There is a text in German already."),
    ],
)
def test_what_cannot_be_is_said_in_words(marketer: Client, name: str, language: str, words: str) -> None:
    template = make_template()
    post(marketer, "template_language_add", template, language="de")
    assert words in post(marketer, name, template, language=language).content.decode()
    assert Template.objects.filter(variant_of=template).count() == 1


def test_the_first_text_s_own_language_can_be_said(marketer: Client) -> None:
    template = make_template()
    page = post(marketer, "template_language_say", template, language="nl").content.decode()
    assert '<option value="nl" selected>Dutch</option>' in page
    template.refresh_from_db()
    assert template.language == "nl"


def test_a_campaign_lists_the_languages_of_its_template(marketer: Client) -> None:
    campaign = make_campaign()
    assert campaign.template
    post(marketer, "template_language_add", campaign.template, language="de")
    url = reverse("campaigns:campaign_step", args=[campaign.public_id, "content"])
    page = marketer.get(url).content.decode()
    assert "from the template" in page
    assert "German" in page


def test_a_viewer_changes_no_language(client: Client) -> None:
    client.force_login(make_user(role=Role.VIEWER))
    assert post(client, "template_language_add", make_template(), language="de").status_code == 403
    assert Template.objects.count() == 1
