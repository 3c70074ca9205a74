"""Who got this, when, with which message id, and if not, why?"""

import csv
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Delivery, Run, RunState
from campaigns.sending import states
from campaigns.services import resending
from mailplatform.accounts.models import AuditEntry, Role
from mailplatform.core import clock
from subscribers.models import PersonMerge, Subscriber
from tests.factories import campaigns as factories
from tests.factories.sending import make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> list[Subscriber]:
    return make_people(4)


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    run = factories.make_run(factories.make_campaign(state="sent"), state=RunState.SENT, audience=4)
    ends = [("accepted", "", "id-0"), ("failed", "invalid_parameter", ""), ("skipped", "complained", "")]
    ends.append(("unresolved", "worker_lost", ""))
    for person, (state, reason, message_id) in zip(people, ends, strict=True):
        Delivery.objects.create(
            run_id=run.pk,
            subscriber_id=person.pk,
            state=state,
            reason=reason,
            message_id=message_id,
            at=clock.now(),
        )
    return run


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(factories.make_user(Role.MARKETER))
    return client


def _get(client: Client, run: Run, name: str = "campaign_recipients", /, **query: Any) -> str:
    url = reverse(f"campaigns:{name}", args=[run.campaign.public_id])
    answer = client.get(url, query)
    assert answer.status_code == 200
    return b"".join(answer).decode()


def test_everybody_has_a_state_a_reason_in_words_and_a_message_id(
    marketer: Client, run: Run, people: list[Subscriber]
) -> None:
    text = _get(marketer, run)
    for person in people:
        assert person.email in text
    for words in (
        "id-0",
        "refused the address or another part",
        "Complained",
        "ended before the answer came",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "failed"}, [1]),
        ({"reason": "worker_lost"}, [3]),
        ({"state": "failed", "reason": "worker_lost"}, []),
        ({"search": "id-0"}, [0]),
        ({"search": "ID-0"}, []),
        ({"state": "nonsense"}, [0, 1, 2, 3]),
        ({"search": "%"}, []),
    ],
)
def test_filters_and_search(
    marketer: Client, run: Run, people: list[Subscriber], query: dict[str, str], found: list[int]
) -> None:
    rows = list(csv.reader(_get(marketer, run, "campaign_recipients_csv", **query).splitlines()))
    assert [row[0] for row in rows[1:]] == [people[number].email for number in found]
    text = _get(marketer, run, **query)
    assert [person.email in text for person in people] == [number in found for number in range(4)]


def test_a_file_holds_codes_and_words_and_is_audited(marketer: Client, run: Run) -> None:
    rows = list(csv.DictReader(_get(marketer, run, "campaign_recipients_csv", state="failed").splitlines()))
    assert rows[0]["reason"] == "invalid_parameter"
    assert rows[0]["reason_label"].startswith("Amazon SES refused the address")
    assert AuditEntry.objects.get(action="recipients.exported").detail["state"] == "failed"


def test_each_run_has_its_own_people(marketer: Client, run: Run, people: list[Subscriber]) -> None:
    again = resending.retry_failed(run_id=run.pk, actor=None)
    Delivery.objects.create(run_id=again.pk, subscriber_id=people[1].pk, state="accepted", at=clock.now())
    text = _get(marketer, again)
    assert people[0].email not in text
    assert "those who had failed" in text
    first = _get(marketer, run, run=1)
    assert people[0].email in first
    assert "progress-retry" not in first
    url = reverse("campaigns:campaign_recipients", args=[run.campaign.public_id])
    assert marketer.get(url, {"run": 7}).status_code == 404


def test_who_was_merged_or_erased_since_keeps_the_row(
    marketer: Client, run: Run, people: list[Subscriber]
) -> None:
    old, gone = people[0], people[1]
    PersonMerge.objects.create(
        old_id=old.pk, old_subject=old.public_id, survivor_id=people[2].pk, merged_at=clock.now()
    )
    for person in (old, gone):
        Subscriber.objects.filter(pk=person.pk).delete()
    text = _get(marketer, run)
    assert "merged since" in text
    assert "Erased person" in text
    assert old.email not in text


def test_a_viewer_reads_and_exports_nothing(client: Client, run: Run) -> None:
    client.force_login(factories.make_user(Role.VIEWER))
    assert "Export CSV" not in _get(client, run)
    url = reverse("campaigns:campaign_recipients_csv", args=[run.campaign.public_id])
    assert client.get(url).status_code == 403


def test_the_button_for_another_try(marketer: Client, run: Run) -> None:
    assert "progress-retry" in _get(marketer, run)
    url = reverse("campaigns:campaign_retry_failed", args=[run.campaign.public_id])
    for values in ({"run": 1, "count": 2}, {"run": 1, "count": "x"}):
        marketer.post(url, values)
    assert Run.objects.count() == 1
    answer = marketer.post(url, {"run": 1, "count": 1})
    assert answer.status_code == 302
    again = Run.objects.get(number=2)
    assert (again.source_run, again.state) == (run, "preparing")
    marketer.post(url, {"run": 1, "count": 1})
    assert Run.objects.count() == 2
    assert marketer.post(url, {"run": 9, "count": 1}).status_code == 404
    assert marketer.get(url).status_code == 405


def test_whoever_may_have_it_already_is_told_apart(
    marketer: Client, run: Run, people: list[Subscriber]
) -> None:
    assert "progress-doubtful" not in _get(marketer, run)
    person = factories.make_subscriber()
    Delivery.objects.create(
        run_id=run.pk, subscriber_id=person.pk, state="failed", reason="not_confirmed", at=clock.now()
    )
    detail = marketer.get(reverse("campaigns:campaign_detail", args=[run.campaign.public_id]))
    for text in (_get(marketer, run), detail.content.decode()):
        assert "1 of them may have the mail already." in text
        assert "Try these 2 again, 1 perhaps for the second time" in text
        assert "Amazon refused them" not in text


def test_a_try_that_did_not_go_out_is_told_and_can_be_made_again(marketer: Client, run: Run) -> None:
    again = resending.retry_failed(run_id=run.pk, actor=None)
    states.fail(again.pk, "Amazon SES was away.")
    text = marketer.get(reverse("campaigns:campaign_detail", args=[run.campaign.public_id])).content.decode()
    assert "Amazon SES was away." in text
    assert "state=failed&amp;run=1" in text
    assert "progress-retry" in _get(marketer, run, run=1)


def test_a_viewer_starts_no_other_try(client: Client, run: Run) -> None:
    client.force_login(factories.make_user(Role.VIEWER))
    url = reverse("campaigns:campaign_retry_failed", args=[run.campaign.public_id])
    assert client.post(url, {"run": 1, "count": 1}).status_code == 403
    assert "progress-retry" not in _get(client, run)


def test_few_questions_per_page(marketer: Client, run: Run, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        _get(marketer, run)
