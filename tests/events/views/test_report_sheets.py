"""The report in other shapes: on the mail, on paper, as tables in files, beside other campaigns."""

import csv
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Run, TemplateVersion
from events import ingest
from events.selectors import breakdown, comparison, report, tables
from events.services import digesting
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.campaigns import make_campaign
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db
MAIL = (
    '<h1>Spring</h1><a href="https://shop.example/help">Help</a> '
    '<a href="https://shop.example/new">New</a><a ses:no-track href="{{html.unsubscribe_url}}">Leave</a>'
)


@pytest.fixture(scope="module")
def finished(kept: None) -> int:
    run = make_finished_campaign(36)
    TemplateVersion.objects.filter(pk=run.template_version_id).update(
        html=MAIL, text="x", variables={"html": ["unsubscribe_url"]}
    )
    return run.pk


@pytest.fixture
def run(finished: int) -> Run:
    return Run.objects.select_related("campaign").get(pk=finished)


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(ViewerFactory.create())
    return client


def url(run: Run, name: str, *arguments: str) -> str:
    return reverse(f"events:{name}", args=[run.campaign.public_id, *arguments])


def test_mail_shows_its_clicks_and_the_table_beside_it_the_same(
    viewer: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    links = {link.url: (number, link) for number, link in enumerate(report.links(run), start=1)}
    number, link = links["https://shop.example/help"]
    clicked = report.report(run).clicked
    frame = viewer.get(url(run, "campaign_clicked_mail"))
    text = frame.content.decode()
    assert f"{number} · {round(100 * link.unique / clicked)} %</span>Help" in text
    assert "0 %</span>New" in text
    assert "</span>Leave" not in text
    assert "sandbox" in frame["Content-Security-Policy"]
    with django_assert_max_num_queries(12):
        page = viewer.get(url(run, "campaign_clicks")).content.decode()
    assert "In the mail of some people only" in page
    assert "https://shop.example/new" in page
    assert f"link={link.id}" in page
    assert "Segment of who followed it" not in page


def test_mail_that_cannot_be_rendered_says_so(viewer: Client, run: Run) -> None:
    TemplateVersion.objects.filter(pk=run.template_version_id).update(html="{{html.gone}}")
    assert "cannot be shown any more" in viewer.get(url(run, "campaign_clicked_mail")).content.decode()
    assert viewer.get(url(run, "campaign_clicks")).status_code == 200


def test_sheet_for_paper_has_every_rate_with_its_meaning(
    viewer: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(15):
        text = viewer.get(url(run, "campaign_report_print")).content.decode()
    for rate in ("Delivered", "Clicked", "Opened", "Bounced", "Unsubscribed", "Complained"):
        assert f'<th scope="row">{rate}</th>' in text
    assert "data-print" in text
    assert "mp-side" not in text


@pytest.mark.parametrize("name", tables.TABLES)
def test_each_table_is_a_file_with_the_numbers_of_the_page(viewer: Client, run: Run, name: str) -> None:
    response = viewer.get(url(run, "campaign_table_csv", name))
    rows = list(csv.reader(response.getvalue().decode().splitlines()))
    found, figures = breakdown.compute(run), report.report(run)
    assert {len(row) for row in rows} == {len(rows[0])}
    expected = {
        "links": len(report.links(run)), "hours": len(report.hours(run)), "providers": len(found.providers),
        "lists": 0, "segments": 0, "devices": len(found.devices), "machines": len(found.machines),
        "reasons": len(report.skipped_reasons(found)) + len(report.bounce_reasons(found)), "figures": 13,
    }  # fmt: skip
    assert len(rows) - 1 == expected[name]
    if name == "figures":
        by_name = {row[0]: row for row in rows}
        assert by_name["clicked"][1:3] == [str(figures.clicked), str(figures.trackable_clicks)]
        assert by_name["accepted"][1] == str(figures.accepted)


def test_unknown_table_and_campaign_that_was_never_launched_are_not_found(viewer: Client, run: Run) -> None:
    assert viewer.get(url(run, "campaign_table_csv", "people")).status_code == 404
    never = make_campaign()
    for name in ("campaign_clicks", "campaign_report_print", "campaign_clicked_mail"):
        assert viewer.get(reverse(f"events:{name}", args=[never.public_id])).status_code == 404


def test_campaigns_stand_side_by_side_with_the_numbers_of_their_reports(
    viewer: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    other = make_run(state="sent", audience=2)
    people = [make_person(clicks=True) for _ in range(2)]
    for person in people:
        make_delivery(other, person, clicks_tracked=True)
    click = payload("Click", other, people[0], link="https://shop.example/help")
    ingest.take_in(
        [inbound(item) for item in (*(payload("Delivery", other, each) for each in people), click)]
    )
    digesting.digest(run)
    columns = comparison.compare([run.campaign.public_id, other.campaign.public_id])
    for column, each in zip(columns, (run, other), strict=True):
        figures = report.report(each)
        assert column.figures == figures
        rates = {rate.key: (rate.people, rate.of) for rate in column.rates}
        assert rates["clicked"] == (figures.clicked, figures.trackable_clicks)
    rows = comparison.rows(columns, None)
    assert [row.label for row in rows][:3] == ["Delivered", "Clicked", "Opened"]
    for row in rows:
        shares = [cell.rate.people / cell.rate.of for cell in row.cells if cell.rate and cell.rate.of]
        best = [cell.rate.people / cell.rate.of for cell in row.cells if cell.is_best and cell.rate]
        good = max if row.key in {"delivered", "clicked", "opened"} else min
        assert best in ([], [good(shares)])
    with django_assert_max_num_queries(15):
        chosen = {"campaign": [str(run.campaign.public_id), str(other.campaign.public_id)]}
        text = viewer.get(reverse("events:compare"), chosen).content.decode()
    assert text.count("checked") == 2
    assert "Clicked" in text


def test_large_campaign_without_digest_is_being_counted(viewer: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(audience=breakdown.LIVE_BELOW)
    (column,) = comparison.compare([run.campaign.public_id])
    assert column.figures is None
    text = viewer.get(reverse("events:compare"), {"campaign": str(run.campaign.public_id)}).content.decode()
    assert "being counted" in text


@pytest.mark.parametrize("campaign", ["nonsense", "00000000-0000-0000-0000-000000000000", ""])
def test_comparing_nothing_offers_campaigns(viewer: Client, run: Run, campaign: str) -> None:
    text = viewer.get(reverse("events:compare"), {"campaign": campaign}).content.decode()
    assert "Choose campaigns" in text
    assert run.campaign.name in text


def test_people_page_offers_a_segment_to_marketers(client: Client, run: Run) -> None:
    client.force_login(UserFactory.create())
    address = f"{url(run, 'campaign_people')}?who=skipped&run={run.number}"
    page = client.get(address).content.decode()
    assert 'name="who" value="skipped"' in page
    response = client.post(url(run, "campaign_segment"), {"who": "skipped", "run": run.number}, follow=True)
    assert "are counted in" in response.content.decode()
