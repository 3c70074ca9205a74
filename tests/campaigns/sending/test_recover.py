"""What a dead worker leaves behind is taken over, once."""

import datetime as dt
import uuid

import pytest

from campaigns.models import Batch, Call, CallKind, Delivery, Run
from campaigns.sending import cut, plans, recover
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from tests.factories.sending import make_list, make_people, make_run, states_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(site: Installation) -> Run:
    audience = make_list()
    make_people(120, audience, opens_allowed=True)
    return make_run(audience, track_opens=True)


def _cut(run: Run, most: int) -> cut.Cut:
    plan = plans.Plan.load(run, "mailplatform")
    made = cut.cut(plan, held=None, token=uuid.uuid4(), most=most, call_size=50)
    assert made is not None
    return made


def _expire() -> None:
    past = clock.now() - dt.timedelta(seconds=1)
    Call.objects.update(lease_until=past)
    Batch.objects.update(lease_until=past)


def test_living_leases_are_left_alone(run: Run) -> None:
    _cut(run, 70)
    assert recover.recover() == recover.Recovered(0, 0, 0)


def test_calls_in_flight_become_unresolved_and_the_batch_goes_on_at_its_cursor(run: Run) -> None:
    _cut(run, 70)
    _expire()
    assert recover.recover() == recover.Recovered(calls=2, people=70, batches=1)
    assert states_of(run) == {"unresolved": 70}
    assert (
        Delivery.objects.filter(reason="worker_lost", opens_tracked=True, clicks_tracked=False).count() == 70
    )
    batch = Batch.objects.get()
    assert (batch.state, batch.cursor, batch.lease_token) == ("waiting", 70, None)
    assert recover.recover() == recover.Recovered(0, 0, 0)
    rest = _cut(run, 500)
    assert rest.people == 50


def test_what_may_be_counted_by_ourselves_is_kept_when_a_call_is_lost(site: Installation) -> None:
    """The configuration set does not say it there: it is the same for everybody."""
    audience = make_list()
    make_people(3, audience, clicks_allowed=True)
    run = make_run(audience, track_opens=True, track_clicks=True, carrier="own")
    _cut(run, 70)
    assert set(Call.objects.values_list("configuration_set", flat=True)) == {"mailplatform-none"}
    _expire()
    assert recover.recover().people == 3
    tracked = Delivery.objects.filter(run_id=run.pk, state="unresolved")
    assert set(tracked.values_list("opens_tracked", "clicks_tracked")) == {(False, True)}


def test_a_used_up_batch_stays_done(run: Run) -> None:
    _cut(run, 500)
    _expire()
    assert recover.recover().batches == 0
    assert Batch.objects.get().state == "done"


def test_a_lost_test_mail_has_no_delivery(site: Installation) -> None:
    past = clock.now() - dt.timedelta(seconds=1)
    Call.objects.create(kind=CallKind.TEST, configuration_set="x", lease_until=past)
    assert recover.recover() == recover.Recovered(calls=1, people=0, batches=0)
    assert Call.objects.get().state == "lost"


def test_release_needs_the_own_token(run: Run) -> None:
    made = _cut(run, 10)
    recover.release(made.batch_id, uuid.uuid4())
    assert Batch.objects.get().state == "claimed"
    recover.release(made.batch_id, made.lease_token)
    assert Batch.objects.get().state == "waiting"


def test_more_than_one_round(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "LIMIT", 1)
    _cut(run, 120)
    _expire()
    assert recover.recover().calls == 3
