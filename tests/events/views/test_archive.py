"""The public archive: only what its owner allowed, without a name or anybody's links."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import tokens
from campaigns.models import Campaign, Run, RunState
from campaigns.services import archive, campaigns
from tests.factories.campaigns import HTML, make_campaign, make_run, make_site, make_template, make_user

pytestmark = pytest.mark.django_db
LIST = "/archive/"


@pytest.fixture
def run() -> Run:
    make_site(public_url="https://mail.example.com")
    template = make_template(html=HTML + '<a href="{{view_url}}">Browser</a> {{email}}')
    return make_run(make_campaign(template=template, in_archive=True, state="sent"), state=RunState.SENT)


def path(run: Run) -> str:
    return reverse("events:archive_copy", args=[tokens.make_archive_token(run.pk)])


def test_it_lists_subjects_and_leads_to_neutral_copies(client: Client, run: Run) -> None:
    page = client.get(LIST, headers={"Accept-Language": "de"}).content.decode()
    assert "Frühere Ausgaben" in page
    assert f'<a href="{path(run)}">Hello there, news</a>' in page
    assert run.campaign.name not in page
    response = client.get(path(run))
    html = response.content.decode()
    assert "Hi there" in html
    assert set(re.findall(r"/[upv]/", html)) == set()
    assert html.count(f"https://mail.example.com{path(run)}") == 2
    assert "sandbox" in response["Content-Security-Policy"]
    assert not response.cookies


@pytest.mark.parametrize(
    "change", [{"in_archive": False}, {"archived_at": "2026-01-01T00:00Z"}], ids=["taken out", "put away"]
)
def test_what_is_taken_out_is_gone_at_once(client: Client, run: Run, change: dict[str, object]) -> None:
    Campaign.objects.filter(pk=run.campaign_id).update(**change)
    assert "Nothing here yet." in client.get(LIST).content.decode()
    assert client.get(path(run)).status_code == 404


def test_only_what_is_sent_is_shown(client: Client) -> None:
    make_site(public_url="https://mail.example.com")
    run = make_run(make_campaign(in_archive=True), state=RunState.CANCELLED)
    assert "Nothing here yet." in client.get(LIST).content.decode()
    assert client.get(path(run)).status_code == 404


def test_no_other_token_opens_it_and_its_own_opens_nothing_else(client: Client, run: Run) -> None:
    for token in (tokens.make_unsubscribe_token(run.pk, 0), tokens.make_test_token(run.pk), "x" * 40):
        assert client.get(reverse("events:archive_copy", args=[token])).status_code == 404
    own = tokens.make_archive_token(run.pk)
    assert client.get(reverse("events:unsubscribe", args=[own])).status_code == 404
    assert client.post(path(run)).status_code == 405


def test_the_campaign_s_page_shows_where_it_is_read(client: Client, run: Run) -> None:
    client.force_login(make_user())
    detail = reverse("campaigns:campaign_detail", args=[run.campaign.public_id])
    assert path(run) in client.get(detail).content.decode()
    campaigns.rename(campaign_id=run.campaign_id, revision=1, name="x", in_archive=False)
    assert path(run) not in client.get(detail).content.decode()
    assert archive.path_of_campaign(make_campaign(in_archive=True)) == ""


def test_the_list_asks_no_more_for_more_campaigns(
    client: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        make_run(make_campaign(in_archive=True), state=RunState.SENT)
    with django_assert_max_num_queries(4):
        assert client.get(LIST).content.decode().count("<li>") == 4
