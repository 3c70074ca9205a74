"""What is let go of after a month, and what stays for years."""

import datetime as dt

import pytest

from campaigns.models import Batch, Call, CallKind, DecisionAction, Delivery, Run
from campaigns.selectors import recipients, unresolved
from campaigns.services import decisions, thinning
from mailplatform.core import clock
from tests.factories import campaigns as factories

pytestmark = pytest.mark.django_db
LONG_AGO = dt.timedelta(days=31)


def _run(*, ago: dt.timedelta, state: str = "sent", languages: tuple[str, ...] = ("",)) -> Run:
    finished = clock.now() - ago if state in {"sent", "cancelled", "failed"} else None
    run = factories.make_run(state=state, finished_at=finished, audience=1)
    call = Call.objects.create(
        run_id=run.pk,
        subscriber_ids=[7],
        configuration_set="x",
        state="lost",
        started_at=clock.now() - ago,
        lease_until=clock.now() - ago,
    )
    for number, language in enumerate(languages):
        Batch.objects.create(
            run_id=run.pk,
            number=number,
            subscriber_ids=[7],
            count=1,
            cursor=1,
            state="done",
            template_version_id=run.template_version_id + number,
            sender_id=1,
            language=language,
        )
    Delivery.objects.create(
        run_id=run.pk,
        subscriber_id=7,
        state="unresolved",
        reason="worker_lost",
        call_id=call.pk,
        at=call.started_at,
    )
    return run


@pytest.mark.parametrize("state", ["sent", "cancelled", "failed"])
def test_calls_and_batches_of_old_runs_go_and_deliveries_stay(state: str) -> None:
    run = _run(ago=LONG_AGO, state=state)
    assert thinning.thin_ledger() == (1, 1)
    assert thinning.thin_ledger() == (0, 0)
    assert [row.reason for row in recipients.stream(run)] == ["worker_lost"]


def test_one_can_decide_for_years() -> None:
    run = _run(ago=LONG_AGO)
    thinning.thin_ledger()
    assert unresolved.summary(run.pk).decidable == 1
    made = decisions.decide(run_id=run.pk, action=DecisionAction.RESEND, actor=None)
    assert made.subscriber_ids == [7]
    assert Batch.objects.get().template_version_id == run.template_version_id


@pytest.mark.parametrize("state", ["sending", "paused", "preparing"])
def test_unfinished_runs_keep_everything(state: str) -> None:
    _run(ago=LONG_AGO, state=state)
    assert thinning.thin_ledger() == (0, 0)


def test_young_runs_keep_everything() -> None:
    _run(ago=dt.timedelta(days=29))
    assert thinning.thin_ledger() == (0, 0)


def test_batches_that_tell_the_language_are_kept() -> None:
    _run(ago=LONG_AGO, languages=("", "de"))
    assert thinning.thin_ledger() == (1, 0)


def test_calls_for_test_mails_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "AT_ONCE", 2)
    for ago, state in ((LONG_AGO, "recorded"),) * 5 + ((dt.timedelta(), "recorded"), (LONG_AGO, "in_flight")):
        Call.objects.create(
            kind=CallKind.TEST,
            state=state,
            configuration_set="x",
            started_at=clock.now() - ago,
            lease_until=clock.now(),
        )
    assert thinning.thin_ledger() == (5, 0)
    assert Call.objects.count() == 2
