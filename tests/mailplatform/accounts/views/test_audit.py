import csv
import io

import pytest
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from mailplatform.accounts.services import audit
from tests.factories.accounts import AdminFactory, InstallationFactory, ViewerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(AdminFactory.create())
    return client


def test_the_newest_entries_come_first_and_older_ones_are_a_click_away(desk: Client) -> None:
    for number in range(60):
        audit.record(actor=None, action="a.b", detail={"number": f"n{number:03}"})
    page = desk.get("/settings/audit-log/")
    assertContains(page, "n059")
    assertNotContains(page, "n009")
    older = desk.get(f"/settings/audit-log/?before={page.context['page'].older}")
    assertContains(older, "n009")


def test_the_filter_is_in_the_address(desk: Client) -> None:
    audit.record(actor=None, action="settings.changed", detail={"what": "shown"})
    audit.record(actor=None, action="user.invited", detail={"what": "hidden"})
    page = desk.get("/settings/audit-log/?action=settings.changed")
    assertContains(page, "What: shown")
    assertNotContains(page, "What: hidden")


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=99999999999999999999999", "before=²"])
def test_a_nonsensical_place_is_the_beginning(desk: Client, query: str) -> None:
    audit.record(actor=None, action="a.b", detail={"what": "shown"})
    assertContains(desk.get(f"/settings/audit-log/?{query}"), "What: shown")


def test_details_are_escaped(desk: Client) -> None:
    audit.record(actor=None, action="a.b", detail={"company": ["", "<script>alert(1)</script>"]})
    assertNotContains(desk.get("/settings/audit-log/"), "<script>alert")


def test_only_administrators_read_it(client: Client) -> None:
    client.force_login(ViewerFactory.create())
    assert client.get("/settings/audit-log/").status_code == 403


def test_it_speaks_in_words_and_says_what_was_before(desk: Client) -> None:
    audit.record(
        actor=None,
        action="settings.changed",
        obj=InstallationFactory.create(),
        detail={
            "postal_address": ["", "Am Hafen 1"],
            "track_opens": [False, True],
            "warm_up_plan": [[], [200, 400]],
        },
    )
    audit.record(actor=None, action="report.exported", detail={"runs": [1, 2], "reason": ""})
    page = desk.get("/settings/audit-log/")
    assertContains(page, "Settings changed")
    assertContains(page, "Installation 1")
    assertContains(page, "Postal address: nothing → Am Hafen 1")
    assertContains(page, "Track opens: no → yes")
    assertContains(page, "Warm up plan: nothing → 200, 400")
    assertContains(page, "Runs: 1, 2")
    assertNotContains(page, "Reason:")


def test_the_log_leaves_as_a_file_and_that_stands_in_it(desk: Client) -> None:
    audit.record(actor=None, action="a.b", detail={"company": "Bücher"})
    audit.record(actor=None, action="c.d")
    answer = desk.post("/settings/audit-log/export/", {"action": ""})
    rows = list(csv.reader(io.StringIO(b"".join(answer).decode())))
    assert rows[0] == ["at", "who", "action", "object", "number", "details"]
    assert [row[2] for row in rows[1:]] == ["a.b", "c.d", "audit_log.exported"]
    assert rows[1][5] == '{"company":"Bücher"}'
    one = desk.post("/settings/audit-log/export/", {"action": "a.b"})
    assert len(list(csv.reader(io.StringIO(b"".join(one).decode())))) == 2
