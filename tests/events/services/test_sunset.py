"""People who stopped reading are asked once and then left alone; nobody is judged whom we may not count."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from campaigns.models import Delivery, Run
from events.models import Outcome, Sunset, SunsetStage
from events.selectors import held
from events.selectors import sunset as selector
from events.services import policies, sunset
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.models import Profile, Segment, Subscriber, Suppression
from subscribers.selectors import eligibility, segments
from subscribers.services import pausing, suppression
from tests.factories.accounts import AdminFactory
from tests.factories.events import make_person, make_run

pytestmark = pytest.mark.django_db
SILENT = (430, 300, 200, 100)


@pytest.fixture(autouse=True)
def _policy() -> None:
    cache.delete_many([sunset.AT_WORK, sunset.JUDGED_UP_TO])
    sunset.save(actor=None, sunset_is_on=True, sunset_stops=True, sunset_months=12, sunset_mails=3)


def mailed(
    person: Subscriber,
    *,
    days_ago: float,
    opens: bool = True,
    clicks: bool = False,
    segment: int = 0,
    kind: str = "marketing",
    **outcome: Any,
) -> Run:
    """A mail that arrived so many days ago, counted or not."""
    at = clock.now() - timedelta(days=days_ago)
    run = make_run(state="sent", kind=kind, segment_ids=[segment] if segment else [])
    Run.objects.filter(pk=run.pk).update(launched_at=at)
    Delivery.objects.create(
        run_id=run.pk,
        subscriber_id=person.pk,
        state="accepted",
        opens_tracked=opens,
        clicks_tracked=clicks,
        at=at,
    )
    values = {"state": 30, "state_at": at, "delivered_at": at} | outcome
    Outcome.objects.create(run_id=run.pk, subscriber_id=person.pk, **values)
    Profile.objects.filter(pk=person.pk).update(last_sent_at=at)
    return run


def reader(*, opens: bool = True, clicks: bool = False, **profile: Any) -> Subscriber:
    person = make_person(opens=opens, clicks=clicks)
    joined = clock.now() - timedelta(days=500)
    Profile.objects.filter(pk=person.pk).update(**{"joined_at": joined, **profile})
    return person


def silent(
    *, days: tuple[int, ...] = SILENT, opens: bool = True, clicks: bool = False, **profile: Any
) -> Subscriber:
    person = reader(opens=opens, clicks=clicks, **profile)
    for days_ago in days:
        mailed(person, days_ago=days_ago, opens=opens, clicks=clicks)
    return person


def asked(person: Subscriber, *, days_ago: float) -> None:
    """The person was judged, and got the mail that asks, so long ago."""
    sunset.apply_policy()
    judged = clock.now() - timedelta(days=days_ago + 1)
    Sunset.objects.filter(pk=person.pk).update(judged_at=judged)
    segment = policies.get().sunset_segment
    assert segment is not None
    mailed(person, days_ago=days_ago, segment=segment.pk)


def stage(person: Subscriber) -> int | None:
    return Sunset.objects.filter(pk=person.pk).values_list("stage", flat=True).first()


def live(person: Subscriber) -> list[str]:
    found = Suppression.objects.filter(email_key=person.email_key, lifted_at=None)
    return list(found.values_list("reason", flat=True))


@pytest.mark.parametrize(("opens", "clicks"), [(True, False), (False, True), (True, True)])
def test_who_was_counted_and_stayed_silent_is_to_be_asked(opens: bool, clicks: bool) -> None:
    person = silent(opens=opens, clicks=clicks)
    assert sunset.apply_policy()["judged"] == 1
    assert stage(person) == SunsetStage.TO_ASK
    assert Sunset.objects.get().mails == 3
    assert sunset.apply_policy()["judged"] == 0
    assert live(person) == []


def test_the_segment_of_the_policy_holds_who_is_to_be_asked() -> None:
    person = silent()
    silent(opens=False)
    sunset.apply_policy()
    segment = Segment.objects.get(name=sunset.SEGMENT)
    assert segments.total(segment.rules) == 1
    assert Sunset.objects.get().pk == person.pk


def test_people_who_did_not_agree_to_be_counted_are_never_judged() -> None:
    nobody = silent(opens=False)
    withdrew = silent()
    Profile.objects.filter(pk=withdrew.pk).update(opens_allowed=False)
    other_way = silent(opens=True)
    # Their mails were counted by opens; now they allow clicks alone.
    Profile.objects.filter(pk=other_way.pk).update(opens_allowed=False, clicks_allowed=True)
    assert sunset.apply_policy()["judged"] == 0
    assert [stage(person) for person in (nobody, withdrew, other_way)] == [None] * 3


def test_mails_from_before_the_consent_are_no_silence() -> None:
    lately = reader()
    for days_ago in (430, 400, 390):
        mailed(lately, days_ago=days_ago, opens=False)
    for days_ago in (90, 60, 30):
        mailed(lately, days_ago=days_ago)
    assert sunset.apply_policy()["judged"] == 0
    once_read = clock.now() - timedelta(days=400)
    Profile.objects.filter(pk=lately.pk).update(last_opened_at=once_read)
    assert sunset.apply_policy()["judged"] == 1


@pytest.mark.parametrize(
    "profile",
    [{"last_opened_at": 100}, {"last_clicked_at": 100}, {"last_ordered_at": 100}, {"joined_at": 200}],
)
def test_a_sign_of_life_is_enough(profile: dict[str, int]) -> None:
    times: dict[str, Any] = {name: clock.now() - timedelta(days=days) for name, days in profile.items()}
    silent(**times)
    assert sunset.apply_policy()["judged"] == 0


def test_too_few_mails_or_a_machine_that_opens_say_nothing() -> None:
    silent(days=(430, 300, 200))
    proxied = silent()
    mailed(proxied, days_ago=20, machine_opened_at=clock.now())
    contract = reader()
    for days_ago in SILENT:
        mailed(contract, days_ago=days_ago, kind="contract")
    assert sunset.apply_policy()["judged"] == 0


def test_an_own_choice_of_these_months_is_a_sign_of_life() -> None:
    person = silent()
    pausing.pause(subscriber_id=person.pk, days=30, wording="Pause", language="en", source="page")
    assert sunset.apply_policy()["judged"] == 0


def test_asked_once_then_kept_back_from_marketing_alone() -> None:
    person = silent()
    asked(person, days_ago=31)
    assert sunset.apply_policy() == {"back": 0, "judged": 0, "asked": 1, "kept_back": 1}
    assert stage(person) == SunsetStage.KEPT_BACK
    assert live(person) == ["inactive"]
    facts = eligibility.Facts(
        suppressions=frozenset({"inactive"}), marketing_basis="consent", contract_basis=True
    )
    assert eligibility.reason_for("marketing", facts) == "inactive"
    assert eligibility.reason_for("contract", facts) == ""
    assert held.inactivity([person.pk])[0]["stage"] == "kept back, because they did not answer"
    assert AuditEntry.objects.filter(action="sunset.applied").count() == 2


def test_there_is_time_to_answer_and_keeping_back_is_a_choice() -> None:
    person = silent()
    asked(person, days_ago=20)
    assert sunset.apply_policy()["kept_back"] == 0
    assert stage(person) == SunsetStage.ASKED
    Sunset.objects.update(asked_at=clock.now() - timedelta(days=40))
    policies.update(actor=None, sunset_stops=False)
    assert sunset.apply_policy()["kept_back"] == 0
    assert live(person) == []


def test_a_campaign_to_somebody_else_or_a_mail_that_bounced_asks_nobody() -> None:
    person = silent()
    sunset.apply_policy()
    Sunset.objects.update(judged_at=clock.now() - timedelta(days=60))
    mailed(person, days_ago=50)
    segment = policies.get().sunset_segment
    assert segment is not None
    mailed(person, days_ago=40, segment=segment.pk, state=40)
    # Nobody counted whether they opened this one.
    mailed(person, days_ago=35, segment=segment.pk, opens=False)
    assert sunset.apply_policy()["asked"] == 0


def test_a_machine_that_opened_the_mail_that_asks_takes_the_judgement_back() -> None:
    person = silent()
    asked(person, days_ago=31)
    Outcome.objects.filter(subscriber_id=person.pk, state_at__gt=clock.now() - timedelta(days=32)).update(
        machine_opened_at=clock.now() - timedelta(days=30)
    )
    assert sunset.apply_policy() == {"back": 1, "judged": 0, "asked": 0, "kept_back": 0}
    assert (live(person), stage(person)) == ([], None)


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"last_clicked_at": 0}, "they reacted"),
        ({"last_ordered_at": 0}, "they reacted"),
        ({"opens_allowed": False}, "they do not want to be counted any more"),
    ],
)
def test_whoever_reacts_or_withdraws_gets_mail_again(change: dict[str, Any], because: str) -> None:
    person = silent()
    asked(person, days_ago=31)
    sunset.apply_policy()
    assert live(person) == ["inactive"]
    values = {
        name: clock.now() if value == 0 and value is not False else value for name, value in change.items()
    }
    Profile.objects.filter(pk=person.pk).update(**values)
    assert sunset.apply_policy()["back"] == 1
    assert (live(person), stage(person)) == ([], None)
    assert Suppression.objects.get(reason="inactive").lifted_because == because
    # What was before they came back does not count against them.
    Profile.objects.filter(pk=person.pk).update(
        last_clicked_at=None, last_ordered_at=None, opens_allowed=True
    )
    assert sunset.apply_policy()["judged"] == 0


def test_who_is_gone_or_let_back_by_hand_is_forgotten() -> None:
    gone, lifted = silent(), silent()
    for person in (gone, lifted):
        asked(person, days_ago=31)
    sunset.apply_policy()
    row = Suppression.objects.get(email_key=lifted.email_key)
    suppression.lift(suppression_id=row.pk, actor=AdminFactory.create(), because="They called us.")
    Profile.objects.filter(pk=gone.pk).delete()
    Subscriber.objects.filter(pk=gone.pk).delete()
    assert sunset.apply_policy()["back"] == 2
    assert Sunset.objects.count() == 0


def test_all_who_are_kept_back_can_be_released() -> None:
    people = [silent(), silent()]
    for person in people:
        asked(person, days_ago=31)
    sunset.apply_policy()
    assert selector.counts() == {"to_ask": 0, "asked": 0, "kept_back": 2}
    assert sunset.release(actor=None, because="A mistake of ours") == 2
    assert [live(person) for person in people] == [[], []]
    assert sunset.apply_policy()["judged"] == 0


def test_other_numbers_judge_anew_and_off_forgets_who_was_not_kept_back() -> None:
    person = silent()
    sunset.apply_policy()
    sunset.save(actor=None, sunset_mails=4)
    assert stage(person) is None
    assert sunset.apply_policy()["judged"] == 0
    sunset.save(actor=None, sunset_mails=3)
    assert sunset.apply_policy()["judged"] == 1
    sunset.save(actor=None, sunset_is_on=False)
    assert stage(person) is None
    assert sunset.apply_policy()["judged"] == 0


def test_once_an_hour_and_judging_once_a_day() -> None:
    silent()
    assert sunset.apply_if_due()
    assert Sunset.objects.count() == 1
    assert not sunset.apply_if_due()


def test_what_was_not_judged_in_one_go_is_judged_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    silent()
    silent()
    monkeypatch.setattr(sunset, "LOOKED_AT", 1)
    monkeypatch.setattr(sunset, "JUDGING_S", 0.0)
    assert [sunset.apply_policy()["judged"] for _ in range(3)] == [1, 1, 0]


def test_a_segment_that_was_archived_is_made_again() -> None:
    first = policies.get().sunset_segment
    assert first is not None
    Segment.objects.filter(pk=first.pk).update(archived_at=clock.now())
    second = sunset.save(actor=None, sunset_is_on=True).sunset_segment
    assert second is not None
    assert second.name == f"{sunset.SEGMENT} (2)"
