import pytest

from campaigns import tokens
from campaigns.models import Batch, Delivery
from campaigns.services import previews, publishing
from mailplatform.core import clock
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_run,
    make_site,
    make_subscriber,
    make_template,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site() -> None:
    make_site()


def test_the_browser_copy_is_the_mail_that_was_sent_with_the_reader_s_own_links() -> None:
    template = make_template()
    run = make_run(make_campaign(template=template))
    person = make_subscriber(name="Zoë <Lee>")
    template.html = "changed since"
    template.save()
    shown = previews.browser_copy(run_id=run.pk, subscriber_id=person.pk)
    assert "Hi Zoë &lt;Lee&gt;" in shown.html
    assert shown.subject == "Hello Zoë <Lee>, news"
    assert f"/u/{tokens.make_unsubscribe_token(run.pk, person.pk)}/" in shown.html


def test_the_browser_copy_is_in_the_language_that_the_person_was_frozen_in() -> None:
    run, person = make_run(), make_subscriber(language="en")
    german = publishing.publish(template=make_template(subject="Hallo {{name}}, Neues"), actor=None)
    batch = Batch.objects.create(
        run_id=run.pk,
        number=0,
        subscriber_ids=[person.pk],
        count=1,
        template_version_id=german.pk,
        sender_id=1,
    )
    Delivery.objects.create(
        run_id=run.pk, subscriber_id=person.pk, state="accepted", batch_id=batch.pk, at=clock.now()
    )
    shown = previews.browser_copy(run_id=run.pk, subscriber_id=person.pk)
    assert shown.subject.startswith("Hallo ")


@pytest.mark.parametrize(("run_known", "person_known"), [(False, True), (True, False)])
def test_there_is_no_copy_without_run_or_person(run_known: bool, person_known: bool) -> None:
    run_id = make_run().pk if run_known else 999
    person_id = make_subscriber().pk if person_known else 999
    with pytest.raises(previews.NoCopy):
        previews.browser_copy(run_id=run_id, subscriber_id=person_id)


def test_a_preview_changes_nobody() -> None:
    person = previews.person_of(make_subscriber())
    shown = previews.preview(make_template(), person)
    assert shown.rendered is not None
    token = shown.rendered.html.split("/u/", 1)[1].split("/", 1)[0]
    claim = tokens.read_unsubscribe_token(token)
    assert (claim.is_test, claim.subscriber_id) == (True, person.subscriber_id)


def test_a_preheader_is_shown_as_the_inbox_will() -> None:
    shown = previews.preview(make_template(preheader="Quick & for {{name}}"), previews.sample_person())
    assert shown.preheader == "Quick & for Ann Example"


def test_a_broken_draft_is_findings_and_not_an_error() -> None:
    shown = previews.preview(make_template(html=HTML + "{{/each}}"), previews.sample_person())
    assert shown.rendered is None
    assert [f.code for f in shown.findings] == ["stray_close"]


def test_a_version_is_shown_as_it_was_published() -> None:
    version = publishing.publish(template=make_template(), actor=None)
    shown = previews.version_preview(version, previews.sample_person())
    assert shown is not None
    assert "Hi Ann Example" in shown.html
