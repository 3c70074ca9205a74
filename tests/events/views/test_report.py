"""Each number of a report leads to exactly as many people; viewers look and do not take away."""

import csv
import itertools
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Run
from events.models import Link
from events.selectors import breakdown, people, report
from events.services import digesting
from mailplatform.accounts.models import AuditEntry
from tests.factories.accounts import AdminFactory, UserFactory, ViewerFactory
from tests.factories.events import make_delivery, make_person, make_run
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def finished(kept: None) -> int:
    return make_finished_campaign(36).pk


@pytest.fixture
def run(finished: int) -> Run:
    return Run.objects.select_related("campaign").get(pk=finished)


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(ViewerFactory.create())
    return client


def url(run: Run, name: str = "campaign_report", **query: Any) -> str:
    text = "&".join(f"{key}={value}" for key, value in query.items())
    return f"{reverse(f'events:{name}', args=[run.campaign.public_id])}?{text}"


def test_numbers_add_up(run: Run) -> None:
    r = report.report(run)
    assert r.audience == r.accepted + r.failed + r.skipped + r.unresolved + r.waiting == 36
    assert r.accepted == r.delivered + r.bounced + r.soft_bounced + r.rejected + r.quiet
    assert r.delivered > r.clicked > 0
    assert r.machine_opened > 0
    assert (r.complained, r.skipped) == (1, 3)


def test_ux_21_every_number_has_as_many_people_behind_it(run: Run) -> None:
    figures = report.report(run)
    for who in people.GROUPS.keys() - {"not_opened", "not_clicked", "engaged", "machine", "reached"}:
        choice = people.Choice(who)
        assert people.count(run, choice) == getattr(figures, who), who
        assert len(list(people.stream(run, choice))) == people.count(run, choice), who


def test_ux_21_csv_has_as_many_rows_as_the_number(client: Client, run: Run) -> None:
    client.force_login(UserFactory.create())
    for who in people.GROUPS:
        response = client.get(url(run, "campaign_people_csv", who=who))
        rows = list(csv.reader(response.getvalue().decode().splitlines()))
        assert len(rows) - 1 == people.count(run, people.Choice(who)), who
    assert AuditEntry.objects.filter(action="report.exported").count() == len(people.GROUPS)


def test_links_lead_to_their_people(run: Run) -> None:
    figures = report.links(run)
    assert figures
    for link in figures:
        assert people.count(run, people.Choice("clicked", link_id=link.id)) == link.unique
        assert link.total >= link.unique
    assert Link.objects.count() == 2


def test_reasons_lead_to_their_people(run: Run) -> None:
    found = breakdown.compute(run)
    for reason in report.skipped_reasons(found) + report.bounce_reasons(found):
        choice = people.Choice(reason.who, reason.code, has_reason=True)
        assert people.count(run, choice) == reason.count
        assert reason.words


def test_ux_22_chart_has_no_gaps_and_all_hits(run: Run) -> None:
    points = report.hours(run)
    steps = {(b.at - a.at).total_seconds() for a, b in itertools.pairwise(points)}
    assert steps == {3600.0}
    hits = sum(p.opens + p.clicks + p.machines for p in points)
    machines = sum(hit.opens + hit.clicks for hit in breakdown.compute(run).machines)
    assert hits == machines + sum(p.opens + p.clicks for p in points)


def test_pages_of_people_go_forth_and_back() -> None:
    run = make_run(audience=120)
    for _ in range(120):
        make_delivery(run, make_person())
    choice = people.Choice("accepted")
    first = people.page(run, choice)
    second = people.page(run, choice, after=first.next_after)
    third = people.page(run, choice, after=second.next_after)
    assert [len(page.rows) for page in (first, second, third)] == [50, 50, 20]
    assert (first.previous_before, third.next_after) == (0, 0)
    back = people.page(run, choice, before=third.previous_before)
    assert back.rows == second.rows
    assert people.page(run, choice, before=back.previous_before).rows == first.rows


def test_report_page_and_its_queries(viewer: Client, run: Run, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(15):
        response = viewer.get(url(run))
    text = response.content.decode()
    assert response.status_code == 200
    assert "From audience to click" in text
    assert not re.search(r"<script(?![^>]*src)(?![^>]*json)", text)


def test_fragment_is_the_figures_alone(viewer: Client, run: Run) -> None:
    text = viewer.get(url(run), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert 'id="report"' in text
    assert "<script" not in text


def test_finished_report_stops_asking(viewer: Client, run: Run) -> None:
    assert "hx-trigger" not in viewer.get(url(run)).content.decode()
    Run.objects.filter(pk=run.pk).update(state="sending")
    assert "hx-trigger" in viewer.get(url(run)).content.decode()


def test_people_page(viewer: Client, run: Run, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(16):
        text = viewer.get(url(run, "campaign_people", who="clicked")).content.decode()
    assert "reader-" in text
    assert "people.csv" not in text


@pytest.mark.parametrize("query", ["who=nobody", "who=clicked&run=99"])
def test_unknown_group_or_run_is_not_found(viewer: Client, run: Run, query: str) -> None:
    address = reverse("events:campaign_people", args=[run.campaign.public_id])
    assert viewer.get(f"{address}?{query}").status_code == 404


@pytest.mark.parametrize(
    "query", ["after=x", "after=99999999999999999999", "reason=%00x", "link=-1", "before=1e9"]
)
def test_odd_parameters_do_no_harm(viewer: Client, run: Run, query: str) -> None:
    address = reverse("events:campaign_people", args=[run.campaign.public_id])
    assert viewer.get(f"{address}?who=clicked&{query}").status_code == 200


def test_viewer_may_not_export(viewer: Client, run: Run) -> None:
    assert viewer.get(url(run, "campaign_people_csv", who="clicked")).status_code == 403


def test_report_of_a_large_run_looks_at_no_rows_of_people(
    viewer: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    run.audience = breakdown.LIVE_BELOW
    run.save()
    digesting.digest(run)
    with django_assert_max_num_queries(13) as found:
        text = viewer.get(url(run)).content.decode()
    assert "Delivered" in text
    asked = " ".join(query["sql"] for query in found.captured_queries)
    for table in ("campaigns_delivery", "events_event", "events_outcome", "subscribers_profile"):
        assert table not in asked


@pytest.mark.parametrize("name", ["campaign_report", "campaign_people", "campaign_people_csv"])
def test_stranger_must_sign_in(client: Client, run: Run, name: str) -> None:
    AdminFactory.create()
    assert client.get(url(run, name)).status_code == 302


def test_cells_that_would_run_are_quoted(client: Client) -> None:
    client.force_login(UserFactory.create())
    run, person = make_run(), make_person()
    person.name = '=HYPERLINK("http://evil.example")'
    person.save()
    make_delivery(run, person)
    text = client.get(url(run, "campaign_people_csv", who="accepted")).getvalue().decode()
    assert "'=HYPERLINK" in text


def test_timeline_of_a_person(viewer: Client, run: Run, django_assert_max_num_queries: Any) -> None:
    row = next(iter(people.stream(run, people.Choice("clicked"))))
    with django_assert_max_num_queries(7):
        text = viewer.get(reverse("events:subscriber_timeline", args=[row.public_id])).content.decode()
    assert "Followed a link" in text
    assert "Delivered" in text
    assert run.campaign.name in text
    assert "<html" not in text


def test_timeline_of_somebody_new(viewer: Client) -> None:
    text = viewer.get(reverse("events:subscriber_timeline", args=[make_person().public_id])).content.decode()
    assert "Nothing has happened yet" in text


@pytest.mark.parametrize("before", ["nonsense", "2026-13-99", "2026-01-01"])
def test_timeline_with_an_odd_time(viewer: Client, before: str) -> None:
    address = reverse("events:subscriber_timeline", args=[make_person().public_id])
    assert viewer.get(f"{address}?before={before}").status_code == 200
