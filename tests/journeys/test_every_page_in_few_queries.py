"""Every page in at most `MOST` statements, the session, the user and savepoints among them.

A new page is opened here by itself: the table of pages is that of `tests/browser/test_every_page.py`.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign, MediaFile, SendingSettings, Template, Translation
from campaigns.services import attachments, template_languages
from mailplatform.core import clock
from subscribers.models import MailingList
from subscribers.services import lists, segments
from tests.benchmarks.bench_pages import small_world
from tests.browser import test_every_page as every
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import HTML, make_campaign, make_people, make_site, make_template
from tests.factories.stories import make_finished_campaign

MOST = 15


@pytest.fixture(scope="module")
def admin(kept: None) -> Client:
    """An administrator's window."""
    client = Client()
    client.force_login(AdminFactory.create())
    return client


@pytest.fixture(scope="module")
def world(admin: Client) -> Any:
    """One of everything that has a page, and a draft that uses all that a campaign can."""
    make_site()
    newsletter = lists.create(name="Newsletter", is_public=True)
    make_people(newsletter, 3)
    draft = make_campaign(name="A draft")
    made = small_world(make_finished_campaign(12), draft, newsletter)
    _enrich(draft, newsletter, made.media)
    return made


def _enrich(draft: Campaign, newsletter: MailingList, logo: MediaFile) -> None:
    chosen, other = (
        segments.create(
            name=f"Those who are {operator}",
            rules={
                "match": "all",
                "rules": [{"subject": "list", "operator": operator, "value": [newsletter.pk]}],
            },
            actor=None,
        )
        for operator in ("has_any", "has_none")
    )
    draft.lists.add(newsletter, lists.create(name="Offers"))
    draft.segments.add(chosen)
    draft.excluded_lists.add(lists.create(name="Colleagues"))
    draft.excluded_segments.add(other)
    assert draft.template is not None
    html = HTML.replace(
        "<h1>",
        f'<img src="https://mail.example.com/m/{logo.public_id.hex}/logo.png" alt="Harbour Books">'
        '<a href="https://{{name}}.example">Uncounted</a><h1>',
    )
    Template.objects.filter(pk=draft.template.pk).update(html=html)
    template_languages.add(template=draft.template, language="de", actor=None)
    Translation.objects.create(campaign=draft, language="fr", template=make_template())
    SendingSettings.objects.create(approval_needed=True)
    terms = MediaFile.objects.get(name="terms.pdf")
    attachments.attach(campaign_id=draft.pk, revision=draft.revision, file=terms)
    later = clock.now() + dt.timedelta(days=2)
    Campaign.objects.filter(pk=draft.pk).update(local_time=True, scheduled_at=later, track_clicks=True)


def pages(world: Any) -> Iterator[str]:
    """The address of every page."""
    for name, entry in every.OURS.items():
        yield from every.paths(name, entry, world)


def asked(client: Client, path: str) -> int:
    """How many statements a page asks; 0 where there is none, but a file, a fragment or another page's address."""
    with CaptureQueriesContext(connection) as found:
        answer = client.get(path)
    is_page = answer.status_code == 200 and not answer.streaming and b"<html" in answer.content[:300]
    return len(found) if is_page else 0


@pytest.mark.django_db
def test_every_page_asks_the_database_little(admin: Client, world: Any) -> None:
    counts = {path: count for path in pages(world) if (count := asked(admin, path))}
    # What is asked once per process or kept for a while is not asked by the page.
    many = {path: asked(admin, path) for path, count in counts.items() if count > MOST}
    assert {path: count for path, count in many.items() if count > MOST} == {}
    assert len(counts) > 60
