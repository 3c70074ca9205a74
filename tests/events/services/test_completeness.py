"""When silence is proof, and that nothing is ever sent again by itself without it."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Call, Decision, Delivery, Run, RunState
from campaigns.sending import timing
from campaigns.services import sending_settings
from events import ingest
from events.models import DeadLetter, Heartbeat
from events.services import completeness
from mailplatform.core import clock
from subscribers.models import Subscriber
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db
SET = "mailplatform-none"
NEEDED = 4
MINUTE = dt.timedelta(minutes=1)


class Channel:
    """A run with people before and after one lost call, two hours ago, and an endpoint that listened."""

    def __init__(self) -> None:
        self.lost_at = clock.now() - dt.timedelta(hours=2)
        self.run: Run = make_run(state=RunState.SENT)
        self.before = self.mail(self.lost_at - 5 * MINUTE)
        self.after = self.mail(self.lost_at + 5 * MINUTE)
        self.silent = self.lose()

    def mail(self, at: dt.datetime, *, name: str = SET, heard: int = NEEDED) -> list[Subscriber]:
        """`NEEDED` people accepted at that time; of `heard` of them the Send event came."""
        people = [make_person() for _ in range(NEEDED)]
        call = self.call(people, at, state="recorded", name=name)
        for person in people:
            make_delivery(self.run, person, call_id=call.pk)
        ingest.take_in([inbound(payload("Send", self.run, p, at=at), at=at) for p in people[:heard]])
        return people

    def lose(self) -> list[Subscriber]:
        people = [make_person() for _ in range(3)]
        call = self.call(people, self.lost_at, state="lost")
        for person in people:
            make_delivery(self.run, person, state="unresolved", reason="lost_answer", call_id=call.pk)
        return people

    def call(self, people: list[Subscriber], at: dt.datetime, *, state: str, name: str = SET) -> Call:
        return Call.objects.create(
            run_id=self.run.pk,
            state=state,
            subscriber_ids=[person.pk for person in people],
            configuration_set=name,
            started_at=at,
            lease_until=at + timing.CALL_LEASE,
        )

    def listen(self, *, but_for: dt.timedelta = dt.timedelta()) -> None:
        """Heartbeats every ten seconds since before the call, with a gap of that length."""
        at, gap = self.lost_at - MINUTE, self.lost_at + 10 * MINUTE
        slots = []
        while at < clock.now():
            if not gap <= at < gap + but_for:
                slots.append(Heartbeat(slot=at))
            at += dt.timedelta(seconds=10)
        Heartbeat.objects.bulk_create(slots)

    def resending(self) -> int:
        return Delivery.objects.filter(run_id=self.run.pk, reason="resend").count()


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Channel:
    monkeypatch.setattr(timing, "PROOF_DELIVERIES", NEEDED)
    sending_settings.update(actor=None, resend_by_itself=True)
    return Channel()


def _resend(queue: int | None = 0) -> int:
    return completeness.resend_by_itself(queue=lambda: queue)


def test_silence_in_a_complete_channel_is_proof(channel: Channel) -> None:
    channel.listen()
    assert _resend() == 3
    channel.run.refresh_from_db()
    assert (channel.run.state, channel.resending()) == ("sending", 3)
    made = Decision.objects.get()
    assert (made.action, made.decided_by) == ("resend", None)
    assert sorted(made.subscriber_ids) == [person.pk for person in channel.silent]
    assert made.figures["before"] == made.figures["after"] == [NEEDED, NEEDED]
    assert _resend() == 0


def test_whom_ses_refused_when_they_were_sent_again_is_left_to_a_person(channel: Channel) -> None:
    channel.listen()
    Delivery.objects.filter(state="unresolved").update(reason="not_resent")
    assert _resend() == 0


def test_off_unless_the_setting_says_otherwise(channel: Channel) -> None:
    channel.listen()
    sending_settings.update(actor=None, resend_by_itself=False)
    assert _resend() == 0
    assert channel.resending() == 0


def test_a_channel_that_loses_every_event_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "PROOF_DELIVERIES", NEEDED)
    sending_settings.update(actor=None, resend_by_itself=True)
    monkeypatch.setattr(Channel.mail, "__kwdefaults__", {"name": SET, "heard": 0})
    deaf = Channel()
    deaf.listen()
    for _ in range(3):
        assert _resend() == 0
    assert not Decision.objects.exists()
    found = completeness.channel_around(SET, deaf.lost_at, deaf.lost_at + timing.CALL_LEASE, queue=0)
    assert (found.before, found.before_complete, found.after, found.after_complete) == (NEEDED, 0, NEEDED, 0)


@pytest.mark.parametrize("where", ["before", "after"])
def test_one_missing_event_is_enough_to_doubt(channel: Channel, where: str) -> None:
    channel.listen()
    at = channel.lost_at + (-MINUTE if where == "before" else 3 * MINUTE)
    channel.mail(at, heard=NEEDED - 1)
    assert _resend() == 0


@pytest.mark.parametrize(
    ("doubt", "words"),
    [
        ("gap", "did not listen"),
        ("never_up", "did not listen"),
        ("refused", "could not store"),
        ("dead_letter", "could not be read"),
        ("queue", "wait in the dead-letter queue"),
        ("no_queue", "could not be looked at"),
        ("few", "Fewer than"),
    ],
)
def test_every_doubt_keeps_people_waiting_and_is_told(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, doubt: str, words: str
) -> None:
    if doubt != "never_up":
        channel.listen(but_for=MINUTE if doubt == "gap" else dt.timedelta())
    if doubt == "refused":
        Heartbeat.objects.filter(
            slot__gt=channel.lost_at + MINUTE, slot__lt=channel.lost_at + 2 * MINUTE
        ).update(refused=1)
    if doubt == "dead_letter":
        DeadLetter.objects.create(reason="?", body=b"x")
    if doubt == "few":
        monkeypatch.setattr(timing, "PROOF_DELIVERIES", NEEDED + 1)
    queue = {"queue": 2, "no_queue": None}.get(doubt, 0)
    assert _resend(queue) == 0
    found = completeness.channel_around(SET, channel.lost_at, channel.lost_at + MINUTE, queue=queue)
    assert [doubt_words for doubt_words in found.doubts if words in doubt_words]
    assert not found.is_proof


def test_other_configuration_sets_prove_nothing(channel: Channel) -> None:
    channel.listen()
    found = completeness.channel_around(
        "mailplatform-opens", channel.lost_at, channel.lost_at + MINUTE, queue=0
    )
    assert (found.before, found.after) == (0, 0)


def test_who_was_settled_by_an_event_is_no_witness(channel: Channel) -> None:
    """They are complete by construction: their own event made them accepted."""
    channel.listen()
    witness = channel.call([make_person()], channel.lost_at - 2 * MINUTE, state="lost")
    person = Subscriber.objects.get(pk=witness.subscriber_ids[0])
    make_delivery(channel.run, person, call_id=witness.pk)
    found = completeness.channel_around(SET, channel.lost_at, channel.lost_at + MINUTE, queue=0)
    assert (found.before, found.before_complete) == (NEEDED, NEEDED)


def test_erased_people_leave_the_sample(channel: Channel) -> None:
    gone = channel.before[0]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET subscriber_id = NULL WHERE subscriber_id = %s", [gone.pk])
    Subscriber.objects.filter(pk=gone.pk).delete()
    found = completeness.channel_around(SET, channel.lost_at, channel.lost_at + MINUTE, queue=0)
    assert (found.before, found.before_complete) == (NEEDED - 1, NEEDED - 1)


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_stopped_runs_send_nothing_again(channel: Channel, state: str) -> None:
    channel.listen()
    _move(channel.run, "sending")
    _move(channel.run, state)
    assert _resend() == 0


def test_not_before_the_fence(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    channel.listen()
    monkeypatch.setattr(timing, "SILENCE_FENCE", dt.timedelta(hours=3))
    assert _resend() == 0


def test_the_queue_is_unknown_where_none_is_set_up() -> None:
    assert completeness.queue_length() is None


def test_old_heartbeats_are_let_go_of() -> None:
    for days in (1, 59, 61):
        Heartbeat.objects.create(slot=clock.now() - dt.timedelta(days=days))
    assert completeness.forget_heartbeats() == 1
    assert Heartbeat.objects.count() == 2


def _move(run: Run, state: str, **more: Any) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, **more)
