"""The loop of a run: one slice of at most a few minutes, supervised by Celery, re-issued by beat.

Any number of drains may work on a run, on any number of machines: batches are claimed, the rate is shared.
The drain lease only tells beat that somebody is at work.
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, connection, connections

from mailplatform.accounts import vault
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, session
from mailplatform.core import clock

from .. import headers
from ..models import PauseReason, Run
from . import call, clients, cut, lane, limiter, plans, quota, states, timing

log = structlog.get_logger(__name__)

MAX_LANES: Final = 4
RATE_PER_LANE: Final = 2500.0
IDLE_S: Final = 0.5

_LEASE: Final = """
UPDATE campaigns_run SET drain_lease_until = %(until)s
WHERE id = %(run)s AND state = 'sending' AND (drain_lease_until IS NULL OR drain_lease_until < %(now)s)
"""
_RENEW: Final = "UPDATE campaigns_run SET drain_lease_until = %s WHERE id = %s AND state = 'sending'"
_RETURN: Final = "UPDATE campaigns_run SET drain_lease_until = NULL WHERE id = %s"


def drain(
    run_id: int,
    *,
    seconds: float = timing.DRAIN_S,
    sender: call.Sender | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Send what the run has to send, for at most `seconds`. True when there is more to do.

    Whatever goes wrong with the account or the configuration pauses the run with the reason; Redis or the
    database gone only makes it wait.
    """
    if not _take_lease(run_id):
        return False
    try:
        return _Drain(run_id, seconds, sender, sleep).work()
    finally:
        _return_lease(run_id)


class _Drain:
    def __init__(
        self, run_id: int, seconds: float, sender: call.Sender | None, sleep: Callable[[float], None]
    ) -> None:
        self.run_id = run_id
        self.deadline = time.monotonic() + seconds
        self.given_sender = sender
        self.sleep = sleep
        self.stop = threading.Event()
        self.more = True
        self.obstacles: list[lane.Obstacle] = []
        self.renewed_at = time.monotonic()
        self.read_at = 0.0
        self.account: Installation | None = None
        self.lock = threading.Lock()
        self.health = lane.Health()
        self.crashed: list[Exception] = []
        self.cap: int | None = None

    def work(self) -> bool:
        try:
            self._send()
        except (OperationalError, InterfaceError) as error:
            # The database went away; what was on its way is recovered from the ledger.
            log.warning("sending.database_away", run=self.run_id, error=str(error))
            return True
        except (session.AwsConfigurationError, vault.SecretUnreadable, headers.InvalidHeader) as error:
            self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, str(error)))
        except Exception as error:
            # Going on would meet the same fault with the next five hundred people.
            log.exception("sending.crashed", run=self.run_id)
            words = f"Internal error, see the log: {type(error).__name__}: {error}"
            self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, words))
        for obstacle in self.obstacles:
            until = clock.now() + timing.QUOTA_PARK if obstacle.by is PauseReason.QUOTA else None
            states.pause(self.run_id, by=obstacle.by, reason=obstacle.reason, until=until)
        return self.more and not self.obstacles

    def _send(self) -> None:
        run = Run.objects.select_related("campaign", "template_version").get(pk=self.run_id)
        self.account, self.read_at = self._read_account(), time.monotonic()
        self.cap = run.frozen.get("rate_limit")
        sender = self.given_sender or clients.sender()
        plan = plans.Plan.load(run, self.account.configuration_set_prefix)
        rate = min(self.account.max_send_rate, self.cap or math.inf)
        lanes = max(1, min(MAX_LANES, math.ceil(rate / RATE_PER_LANE)))
        with ThreadPoolExecutor(clients.MAX_CONNECTIONS // 2, thread_name_prefix="ses") as pool:
            self._run_lanes(lanes, plan, sender, pool)
        if self.crashed:
            raise self.crashed[0]

    def _read_account(self) -> Installation:
        """The account's figures; the last known ones when SES does not tell them just now."""
        try:
            return quota.current()
        except errors.AccountUnreadableError as error:
            log.warning("sending.account_unreadable", run=self.run_id, error=str(error))
            return installation.get()

    def _run_lanes(self, count: int, plan: plans.Plan, sender: call.Sender, pool: ThreadPoolExecutor) -> None:
        def in_thread() -> None:
            try:
                self._run_lane(plan, sender, pool)
            except Exception as error:  # noqa: BLE001 - raised again by the first lane's thread
                self.crashed.append(error)
            finally:
                connections.close_all()

        others = [threading.Thread(target=in_thread, name=f"lane-{n}") for n in range(1, count)]
        for thread in others:
            thread.start()
        try:
            self._run_lane(plan, sender, pool)
        finally:
            self.stop.set()
            for thread in others:
                thread.join()

    def _run_lane(self, plan: plans.Plan, sender: call.Sender, pool: ThreadPoolExecutor) -> None:
        mine = lane.Lane(
            plan,
            sender=sender,
            rate=clients.rate_limiter(),
            buckets=self._buckets,
            pool=pool,
            health=self.health,
            sleep=self.sleep,
        )
        try:
            while not self.stop.is_set() and time.monotonic() < self.deadline:
                if not self._round(mine):
                    break
        except cut.RunNotSendingError:
            self.more = False
        finally:
            self.stop.set()
            mine.close()

    def _round(self, mine: lane.Lane) -> bool:
        """One step; False ends the drain."""
        self._renew_lease()
        if self._is_blocked():
            return False
        try:
            step = mine.step()
        except limiter.LimiterUnavailableError as error:
            log.warning("sending.waits_for_redis", run=self.run_id, error=str(error))
            self.sleep(1.0)
            return True
        except cut.ClockSkewError as error:
            log.warning("sending.clock_skew", run=self.run_id, error=str(error))
            self.sleep(5.0)
            return True
        if step.obstacle is not None:
            self.obstacles.append(step.obstacle)
            return False
        if step.idle:
            if states.finish(self.run_id):
                self.more = False
                return False
            self.sleep(IDLE_S)
        return True

    def _buckets(self) -> list[limiter.Bucket]:
        assert self.account is not None
        return quota.buckets(self.account, run_id=self.run_id, cap=self.cap)

    def _is_blocked(self) -> bool:
        """Read the account again once a minute; stop where it may not send."""
        with self.lock:
            assert self.account is not None
            if time.monotonic() - self.read_at > timing.QUOTA_REFRESH.total_seconds():
                self.read_at = time.monotonic()
                self.account = self._read_account()
            words = quota.obstacle(self.account)
            if words:
                self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, words))
            elif quota.room(self.account) == 0:
                words = "The daily quota of the Amazon SES account is used up."
                self.obstacles.append(lane.Obstacle(PauseReason.QUOTA, words))
            return bool(words)

    def _renew_lease(self) -> None:
        with self.lock:
            now = time.monotonic()
            if now - self.renewed_at < timing.DRAIN_LEASE.total_seconds() / 4:
                return
            self.renewed_at = now
        with connection.cursor() as cursor:
            cursor.execute(_RENEW, [clock.now() + timing.DRAIN_LEASE, self.run_id])


def _take_lease(run_id: int) -> bool:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, {"run": run_id, "now": now, "until": now + timing.DRAIN_LEASE})
        return bool(cursor.rowcount == 1)


def _return_lease(run_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_RETURN, [run_id])
