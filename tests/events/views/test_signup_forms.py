"""The pages on which forms are made: who may, what is refused, what the pages cost."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Welcome
from mailplatform.accounts.models import Role
from subscribers.models import SignupForm
from subscribers.services import lists
from tests.factories.accounts import ViewerFactory
from tests.factories.campaigns import make_template, make_user
from tests.factories.signup import make_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(make_user(Role.MARKETER))
    return client


def test_a_form_begins_with_words_and_is_open(marketer: Client) -> None:
    news = lists.create(name="News")
    data = {"mailing_list": news.pk, "name": "Footer", "language": "de", "ask_tracking": "on"}
    answer = marketer.post(reverse("events:form_add"), data)
    form = SignupForm.objects.get()
    assert answer["Location"] == reverse("events:form_detail", args=[form.public_id])
    assert "News" in form.texts.get(language="de").wording
    assert form.ask_tracking


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"mailing_list": "999999"}, {"language": "xx"}, {"redirect_url": "http://shop.example/"}],
)
def test_what_cannot_be_is_told_and_stores_nothing(marketer: Client, change: dict[str, str]) -> None:
    news = lists.create(name="News")
    data = {"mailing_list": news.pk, "name": "Footer", "language": "en", **change}
    assert marketer.post(reverse("events:form_add"), data).status_code == 422
    assert not SignupForm.objects.exists()


def test_a_language_is_added_and_removed_but_never_the_last(marketer: Client) -> None:
    form = make_form()
    address = reverse("events:form_words", args=[form.public_id])
    worded = {"language": "fr", "title": "Nouvelles", "wording": "Oui, écrivez-moi chaque mois."}
    assert marketer.post(address, worded).status_code == 302
    assert set(form.texts.values_list("language", flat=True)) == {"en", "fr"}
    assert marketer.post(address, {**worded, "wording": "Oui"}).status_code == 422
    marketer.post(address, {"language": "fr", "remove": "yes"})
    answer = marketer.post(address, {"language": "en", "remove": "yes"})
    assert answer.status_code == 422
    assert "at least one language" in answer.content.decode()


def test_the_welcome_is_chosen(marketer: Client) -> None:
    form, template = make_form(), make_template()
    marketer.post(reverse("events:form_welcome", args=[form.public_id]), {"template": template.pk})
    assert Welcome.objects.get(form=form).template == template


def test_who_only_looks_changes_nothing(client: Client) -> None:
    form = make_form()
    client.force_login(ViewerFactory.create())
    address = reverse("events:form_detail", args=[form.public_id])
    assert client.get(address).status_code == 200
    client.post(address, {"name": "Mine now"})
    assert SignupForm.objects.get().name == form.name
    for name in ("form_words", "form_welcome", "form_archive"):
        assert client.post(reverse(f"events:{name}", args=[form.public_id])).status_code == 403


def test_the_list_costs_the_same_for_any_number_of_forms(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(6):
        make_form()
    with django_assert_max_num_queries(8):
        assert marketer.get(reverse("events:form_list")).status_code == 200
