"""The page of unresolved people, and the decision made there."""

import datetime as dt

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from campaigns.models import Call, Decision, Delivery, Run, RunState
from campaigns.sending import timing
from mailplatform.accounts.models import Role
from mailplatform.core import clock
from subscribers.models import Subscriber
from tests.factories.campaigns import make_user
from tests.factories.events import make_delivery, make_person, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> list[Subscriber]:
    return [make_person() for _ in range(3)]


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    return _lost(people, clock.now() - timing.DECISION_FENCE - dt.timedelta(minutes=1))


def _lost(people: list[Subscriber], lease_until: dt.datetime) -> Run:
    run = make_run(state=RunState.SENT, audience=len(people))
    call = Call.objects.create(
        run_id=run.pk,
        state="lost",
        subscriber_ids=[p.pk for p in people],
        configuration_set="mailplatform-none",
        started_at=lease_until - timing.CALL_LEASE,
        lease_until=lease_until,
    )
    for person in people:
        make_delivery(run, person, state="unresolved", reason="worker_lost", call_id=call.pk)
    return run


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(make_user(Role.MARKETER))
    return client


def _url(run: Run, name: str = "unresolved") -> str:
    return reverse(f"events:{name}", args=[run.campaign.public_id])


def _post(client: Client, run: Run, **values: object) -> str:
    data = {"run": run.number, "count": 3, "action": "assume_sent", "who": "all", "sure": "1", **values}
    answer = client.post(_url(run, "unresolved_decide"), {k: v for k, v in data.items() if v is not None})
    assert answer.status_code == 302
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_the_page_shows_people_figures_and_what_each_action_does(
    marketer: Client, run: Run, people: list[Subscriber]
) -> None:
    text = marketer.get(_url(run)).content.decode()
    for person in people:
        assert person.email in text
    for words in ("gets it twice", "never will from this campaign", "makes it “accepted”", "1 call of"):
        assert words in text
    assert 'name="count" value="3"' in text


def test_a_viewer_sees_and_does_not_decide(client: Client, run: Run, people: list[Subscriber]) -> None:
    client.force_login(make_user(Role.VIEWER))
    text = client.get(_url(run)).content.decode()
    assert people[0].email in text
    assert "unresolved_decide" not in text
    assert 'name="action"' not in text
    assert client.post(_url(run, "unresolved_decide"), {"action": "resend"}).status_code == 403
    assert client.get(_url(run, "unresolved_decide")).status_code in {403, 405}
    assert not Decision.objects.exists()


def test_all_at_once_and_a_second_click_is_told(marketer: Client, run: Run) -> None:
    assert "3 people: counted as sent" in _post(marketer, run)
    assert "Nobody is left" in _post(marketer, run)
    assert Decision.objects.count() == 1
    text = marketer.get(_url(run)).content.decode()
    assert "Nobody is unresolved" in text
    assert "Count as sent" in text


def test_ticked_people_only(marketer: Client, run: Run, people: list[Subscriber]) -> None:
    words = _post(marketer, run, who="ticked", person=[people[1].pk], action="resend")
    assert "1 person: the mail goes out again" in words
    assert Delivery.objects.get(reason="resend").subscriber_id == people[1].pk
    run.refresh_from_db()
    assert run.state == "sending"
    assert "Being sent again" in marketer.get(_url(run)).content.decode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count": 2}, "You confirmed 2 people, but now there are 3"),
        ({"count": "x"}, "Choose what is to happen"),
        ({"action": "delete"}, "Choose what is to happen"),
        ({"action": None}, "Choose what is to happen"),
        ({"sure": None}, "tick that you are sure"),
        ({"who": "ticked"}, "Nobody was ticked"),
        ({"who": "ticked", "person": ["²"]}, "Nobody was ticked"),
    ],
)
def test_an_incomplete_form_decides_nothing(
    marketer: Client, run: Run, values: dict[str, object], words: str
) -> None:
    assert words in _post(marketer, run, **values)
    assert not Decision.objects.exists()


def test_before_the_fence_the_page_says_when(marketer: Client, people: list[Subscriber]) -> None:
    run = _lost(people, clock.now())
    text = marketer.get(_url(run)).content.decode()
    assert "can be decided from" in text
    assert 'name="action"' not in text
    assert "This can be decided from" in _post(marketer, run)


def test_a_stopped_campaign_offers_no_sending(marketer: Client, people: list[Subscriber]) -> None:
    run = _lost(people, clock.now() - dt.timedelta(hours=1))
    Run.objects.filter(pk=run.pk).update(state="sending")
    Run.objects.filter(pk=run.pk).update(state="cancelled")
    assert "gets it twice" not in marketer.get(_url(run)).content.decode()
    assert "was stopped" in _post(marketer, run, action="resend")


def test_the_channel_is_told_with_its_doubts(marketer: Client, run: Run) -> None:
    text = marketer.get(_url(run, "unresolved_channel")).content.decode()
    assert "did not listen all the time" in text
    assert "dead-letter queue could not be looked at" in text


def test_the_run_in_doubt_is_shown_not_the_newest(marketer: Client, run: Run) -> None:
    newer = make_run(state=RunState.SENT)
    Run.objects.filter(pk=newer.pk).update(campaign=run.campaign, number=2)
    assert 'name="run" value="1"' in marketer.get(_url(run)).content.decode()
    assert "Nobody is unresolved" in marketer.get(f"{_url(run)}?run=2").content.decode()
    assert marketer.get(f"{_url(run)}?run=9").status_code == 404


def test_few_questions_however_many_people(
    marketer: Client, run: Run, django_assert_max_num_queries: "object"
) -> None:
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        marketer.get(_url(run))
