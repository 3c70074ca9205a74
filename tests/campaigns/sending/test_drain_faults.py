"""The loop when things around it break: Redis, the clock, the account's figures, our own code."""

import datetime as dt
import io
import logging
import logging.config
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
import structlog
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from pytest_django.fixtures import Settings

from campaigns.models import Batch, Call, Run
from campaigns.sending import clients, drain, lane, limiter, states
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses, session
from mailplatform.core import clock
from tests.factories.sending import (
    FakeSes,
    account_answers,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
    nap,
    states_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_without_redis_sending_waits(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = make_list()
    people = make_people(3, audience)
    run = make_run(audience)
    real = clients.rate_limiter()
    nowhere = limiter.Limiter(redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None))
    current = [nowhere]
    monkeypatch.setattr(clients, "rate_limiter", lambda: _Switching(current))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        current[:] = [real]

    drain.drain(run.pk, sender=fake, seconds=10, sleep=sleep)
    assert slept
    assert fake.accepted == addresses(people)


class _Switching:
    """Asks whichever limiter is current."""

    def __init__(self, current: list[limiter.Limiter]) -> None:
        self.current = current
        self.granted_at: float | None = None

    def for_claimant(self, _: limiter.Claimant) -> "_Switching":
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.current[0], name)
        return found


def test_a_wrong_clock_sends_nothing(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    with time_machine.travel(clock.now() + dt.timedelta(seconds=90), tick=True):
        quota_read = clock.now()
        installation.update(actor=None, quota_read_at=quota_read)
        assert drain.drain(run.pk, sender=fake, seconds=0.5, sleep=nap) is True
    assert fake.calls == []
    assert states_of(run) == {}


class _DyingRedis(limiter.Limiter):
    """Gives tokens and is gone before they are spent."""

    def give_back(self, *_: Any, **__: Any) -> None:
        raise limiter.LimiterUnavailableError("gone")

    def retake(self, *_: Any, **__: Any) -> bool:
        raise limiter.LimiterUnavailableError("gone")


@pytest.mark.parametrize("lapsed", [False, True])
def test_redis_dying_between_cut_and_socket_leaves_nobody_in_doubt(
    site: Installation,
    fake: FakeSes,
    redis_client: "redis.Redis[bytes]",
    monkeypatch: pytest.MonkeyPatch,
    lapsed: bool,
) -> None:
    audience = make_list()
    people = make_people(30, audience)
    run = make_run(audience)
    with monkeypatch.context() as patched:
        patched.setattr(clients, "rate_limiter", lambda: _DyingRedis(redis_client))
        if lapsed:
            patched.setattr(limiter, "LAPSE_S", -1.0)
        drain.drain(run.pk, sender=fake, seconds=1.0, sleep=nap)
    assert not Call.objects.filter(state="in_flight").exists()
    assert len(fake.accepted) == (0 if lapsed else 30)
    drain_all(run, fake)
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": 30}


def test_a_fault_of_our_own_in_a_call_counts_as_lost(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(60, audience)
    run = make_run(audience)

    def broken(_: dict[str, Any]) -> list[ses.EntryResult]:
        raise TypeError("not serialisable")

    fake.script = [broken]
    drain_all(run, fake)
    assert run.state == "sent"
    assert states_of(run)["unresolved"] in {10, 50}


def test_a_fault_of_our_own_elsewhere_pauses_the_run(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = make_list()
    make_people(6, audience)
    run = make_run(audience)

    def broken(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("campaigns.entry_writer.EntryWriter.write", broken)
    assert drain_all(run, fake) is False
    assert run.state == "paused"
    assert "Internal error" in run.pause_reason
    assert states_of(run) == {}
    assert Batch.objects.get().cursor == 0


def test_an_account_that_cannot_be_read_is_taken_as_last_known(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(6, audience)
    run = make_run(audience)
    installation.update(actor=None, quota_read_at=clock.now() - dt.timedelta(hours=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.conf.settings.AWS_ENDPOINT_URLS", {"sesv2": "http://127.0.0.1:9"})
        drain_all(run, fake)
    assert fake.accepted == addresses(people)


def test_a_clock_that_jumps_during_a_call_puts_nobody_off_for_an_hour(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    make_people(2, audience)
    run = make_run(audience)
    jump = time_machine.travel(clock.now() + dt.timedelta(hours=1), tick=True)

    def busy_while_the_clock_jumps(request: dict[str, Any]) -> list[ses.EntryResult]:
        jump.start()
        return fake.statuses("TRANSIENT_FAILURE")(request)

    fake.script = [busy_while_the_clock_jumps]
    try:
        drain.drain(run.pk, sender=fake, seconds=0.5, sleep=lambda _: time.sleep(0.1))
    finally:
        jump.stop()
    again = Batch.objects.get(run_id=run.pk, state="waiting")
    assert again.not_before is not None
    assert again.not_before < clock.now() + dt.timedelta(minutes=1)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wrong_clock_parks_nobody_for_the_quota(
    site: Installation, fake: FakeSes, settings: Settings, hours: int
) -> None:
    """It waits for a right one, and Amazon is not asked meanwhile."""
    audience = make_list()
    people = make_people(4, audience)
    run = make_run(audience)
    read_at = clock.now() + dt.timedelta(hours=2)
    installation.update(actor=None, max_24_hour_send=200.0, sent_last_24_hours=200.0, quota_read_at=read_at)
    asked: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(0.05)

    with (
        account_answers(settings, lambda: asked.append("GetAccount")),
        time_machine.travel(clock.now() + dt.timedelta(hours=hours), tick=True),
    ):
        drain.drain(run.pk, sender=fake, seconds=0.3, sleep=sleep)
        run.refresh_from_db()
        assert (run.state, states_of(run)) == ("sending", {})
    assert asked == []
    assert set(slept) == {drain.CLOCK_WAIT_S}
    installation.update(actor=None, sent_last_24_hours=0.0)
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


def test_a_server_that_cannot_be_reached_is_told_of_until_it_can(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(500, audience)
    run = make_run(audience)
    nowhere = ses.BulkSender.to_ses(
        session.Connection("eu-central-1", "a", "b", endpoint_urls={"sesv2": "http://127.0.0.1:9"})
    )
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        nap(seconds)

    assert drain.drain(run.pk, sender=nowhere, seconds=1, sleep=sleep) is True
    drain.drain(run.pk, sender=nowhere, seconds=1, sleep=sleep)
    run.refresh_from_db()
    assert (run.state, states_of(run)) == ("sending", {})
    assert run.pause_reason.startswith("None of the last 20 calls reached the server. NotReached: ")
    assert lane.LONGEST_WAIT_S in waits
    drain_all(run, fake)
    assert fake.accepted == addresses(people)
    assert (run.state, run.pause_reason) == ("sent", "")


def test_what_was_told_is_taken_back_with_the_first_answer(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(900, audience)
    run = make_run(audience)
    states.explain(run.pk, "None of the last 20 calls reached the server.")
    told: list[str] = []

    def look(request: dict[str, Any]) -> list[ses.EntryResult]:
        told.append(Run.objects.get(pk=run.pk).pause_reason)
        connection.close()
        return fake.accept(request)

    fake.script = [look] * 18
    drain_all(run, fake)
    assert told[0] != ""
    assert told[-1] == ""


@pytest.mark.drill
def test_no_line_of_the_log_names_anybody(site: Installation, fake: FakeSes) -> None:
    """Calls that are lost, refused with an address in the words, or answered in parts, and one that breaks."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    configurator = logging.config.DictConfigurator(django_settings.LOGGING)
    handler.setFormatter(configurator.configure_formatter(django_settings.LOGGING["formatters"]["line"]))
    audience = make_list()
    people = make_people(230, audience)
    run = make_run(audience)
    words = f"Invalid address {people[0].email} in /u/eyJhbGciOi.secret/"
    fake.script = [
        fake.drop(),
        fake.fail(errors.RefusedCallError(errors.Verdict.REFUSED, "BadRequestException", words)),
        fake.statuses("SUCCESS", "MAIL_FROM_DOMAIN_NOT_VERIFIED", "FAILED"),
    ]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        drain_all(run, fake, rounds=2)
        structlog.get_logger("campaigns").warning("something_broke", error=words)
    finally:
        root.removeHandler(handler)
    assert "something_broke" in written.getvalue()
    assert "@" not in written.getvalue()
    assert "eyJhbGciOi" not in written.getvalue()
