"""What became slow or was rewritten elsewhere, situation by situation: each test is named after what users reported."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Template
from campaigns.rendering import SourceKind
from campaigns.selectors import recipients
from campaigns.services import templates
from events import ingest
from events.selectors import breakdown
from events.services import digesting
from subscribers.models import Profile
from subscribers.selectors import lists as list_selector
from subscribers.selectors import segments as segment_selector
from subscribers.services import lists, segments
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_list, make_people, make_template
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
# Tables with a row for each person or mail; partitions begin with the same words.
ROWS_OF_PEOPLE = ("campaigns_delivery", "events_event", "events_outcome", "subscribers_profile")


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def asked(client: Client, address: str) -> list[str]:
    """The statements behind a page."""
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in found.captured_queries]


def test_lists_page_slow_with_millions_of_subscribers(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = make_list("Newsletter")
    make_people(audience, 3)
    for number in range(12):
        lists.create(name=f"List {number}")
    address = reverse("subscribers:list_list")
    monkeypatch.setattr(list_selector, "EXACT_BELOW", 2)
    monkeypatch.setattr(list_selector, "_KEPT", "list-counts-of-this-test")
    counting = [sql for sql in asked(admin, address) if "subscribers_subscription" in sql]
    assert len(counting) == 1  # one pass for all lists
    make_people(audience, 2)
    text = admin.get(address).content.decode()
    assert not [sql for sql in asked(admin, address) if "subscribers_subscription" in sql]
    assert '<td class="num">3</td>' in text  # as of a moment ago


def test_counting_a_segment_takes_so_long_that_the_page_hangs() -> None:
    make_people(make_list(), 1)
    rules: dict[str, Any] = {
        "match": "all",
        "rules": [{"subject": "joined", "operator": "in_last_days", "value": 5}],
    }
    with CaptureQueriesContext(connection) as found:
        segment_selector.count(rules, timeout_ms=1_234)
    assert any(
        "statement_timeout" in query["sql"] and "1234" in query["sql"] for query in found.captured_queries
    )


def test_rebuild_of_segments_does_not_finish() -> None:
    """There is nothing to rebuild: a segment is its rules, and asks whenever it is used."""
    (person,) = make_people(make_list(), 1)
    rules: dict[str, Any] = {
        "match": "all",
        "rules": [{"subject": "opened", "operator": "in_last_days", "value": 5}],
    }
    segment = segments.create(name="Readers", rules=rules, actor=None)
    assert segment_selector.count(segment.rules).total == 0
    Profile.objects.filter(pk=person.pk).update(opens_allowed=True, last_opened_at=person.created_at)
    assert segment_selector.count(segment.rules).total == 1


def test_dashboard_slow_because_it_counts_events(admin: Client) -> None:
    run = make_finished_campaign(24)
    type(run).objects.filter(pk=run.pk).update(audience=breakdown.LIVE_BELOW)
    run.refresh_from_db()
    digesting.digest(run)
    statements = asked(admin, reverse("events:dashboard"))
    assert any("events_counter" in sql for sql in statements)
    # Of the mails only those few whose answer was lost, which have an index of their own.
    reading = [
        sql for sql in statements if "unresolved" not in sql and any(name in sql for name in ROWS_OF_PEOPLE)
    ]
    assert reading == []


def test_recipients_of_a_large_mailing_are_read_without_an_index() -> None:
    """A page of them begins at its key: what is skipped is not read."""
    run = make_run(audience=3)
    for _ in range(3):
        make_delivery(run, make_person())
    with CaptureQueriesContext(connection) as found:
        recipients.page(run, after=1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {found.captured_queries[-1]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Cond: ((run_id = " in plan
    assert "subscriber_id > 1" in plan
    assert "OFFSET" not in found.captured_queries[-1]["sql"].upper()


def test_events_of_millions_a_day_stall_the_site() -> None:
    """Messages that come together share their statements: twice as many cost no more of them."""

    def statements(count: int) -> int:
        run = make_run()
        messages = [inbound(payload("Delivery", run, make_person())) for _ in range(count)]
        with CaptureQueriesContext(connection) as found:
            ingest.take_in(messages)
        return len(found)

    statements(2)  # what is asked once per process
    assert statements(60) == statements(30)


def test_another_database_and_a_workflow_engine_are_needed_just_to_run() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ours = {
        name
        for name, service in services.items()
        if "build" in service or "mailplatform" in str(service.get("image"))
    }
    assert services.keys() - ours <= {"postgres", "redis", "caddy"}


PASTED = (
    "<html><body>\n<TABLE width=600 cellpadding='0'><tr ><td style=color:red;;>Caf&eacute; &nbsp;<br>\n"
    "<!--[if mso]><v:rect></v:rect><![endif]--><p>no end<font face=Arial>old</td></tr></TABLE>"
    '<a href="{{unsubscribe_url}}">x</a> {{company}} {{postal_address}}</body></html>\n'
)


def test_pasted_html_is_rewritten_by_the_editor(admin: Client) -> None:
    template = make_template(html=PASTED)
    address = reverse("campaigns:template_edit", args=[template.public_id])
    for _ in range(3):
        shown = admin.get(address).context["form"]
        data = {name: shown[name].value() or "" for name in shown.fields} | {"html": PASTED, "action": "save"}
        assert admin.post(address, data).status_code in {200, 302}
        template.refresh_from_db()
        assert template.html == PASTED


def test_there_is_only_raw_html_and_no_visual_editor(admin: Client) -> None:
    template: Template = make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)
    page = admin.get(reverse("campaigns:template_visual", args=[template.public_id])).content.decode()
    assert 'id="visual"' in page
    assert (
        reverse("campaigns:template_visual", args=[template.public_id])
        in admin.get(reverse("campaigns:template_edit", args=[template.public_id])).content.decode()
    )
