"""The loop of a run: one slice of at most a few minutes, supervised by Celery, re-issued by beat.

Any number of drains may work on a run, on any number of machines: batches are claimed, the rate is shared. The rows
of campaigns_drain only tell beat how many are at work. A task that came twice finds no free slot, or does no harm.
"""

import contextlib
import datetime as dt
import math
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError

from mailplatform.accounts import vault
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, session
from mailplatform.core import clock, shutdown

from .. import headers
from ..models import PauseReason, Run
from ..selectors import sending as selectors
from ..selectors.attachments import AttachmentMissing
from . import call, clients, crew, cut, drains, lane, lateness, limiter, plans, quota, repair, states, timing

log = structlog.get_logger(__name__)

IDLE_S: Final = 0.5
# A drain that finds nothing to do, and nothing soon, leaves its worker to others.
LEAVE_AFTER_S: Final = timing.scaled(3.0, least=1.0)
SOON_S: Final = timing.scaled(12.0, least=3.0)
# The shortest slice: a worker that changes runs all the time would be busy with that.
SHORTEST_S: Final = timing.scaled(8.0, least=1.0)
LOOK_EVERY_S: Final = timing.scaled(2.0, least=0.5)
NAP_S: Final = 0.2
REDIS_WAIT_S: Final = 1.0
IN_LINE_S: Final = 0.05
CLOCK_WAIT_S: Final = timing.scaled(5.0, least=0.5)
REFRESH_S: Final = timing.QUOTA_REFRESH.total_seconds()
THROTTLED_REFRESH_S: Final = timing.scaled(5.0, least=1.0)


def drain(
    run_id: int,
    *,
    seconds: float = timing.DRAIN_S,
    sender: call.Sender | None = None,
    sleep: Callable[[float], None] | None = None,
    slots: int | None = None,
) -> bool:
    """Send what the run has to send, for at most `seconds`. True when there is more to do.

    Ends early when the worker is to stop, or when another run waits for a worker. `slots` is how many may work on
    the run at once (default: as many as the rate is worth). Whatever goes wrong with the account or the
    configuration pauses the run with the reason; Redis or the database gone only makes it wait.
    """
    if shutdown.requested():
        return False
    with shutdown.finishing():
        token = drains.take_slot(run_id, slots=slots or _slots(run_id))
        if token is None:
            return False
        try:
            return _Drain(run_id, token, seconds, sender, sleep).work()
        finally:
            # Without the database the slot's lease ends by itself.
            with contextlib.suppress(OperationalError, InterfaceError):
                drains.give_up(token)
            clients.hang_up()


def _slots(run_id: int) -> int:
    frozen = Run.objects.filter(pk=run_id).values_list("frozen", flat=True).first() or {}
    return selectors.wanted(installation.get().max_send_rate, frozen.get("rate_limit"))


class _Drain:
    def __init__(
        self,
        run_id: int,
        token: uuid.UUID,
        seconds: float,
        sender: call.Sender | None,
        sleep: Callable[[float], None] | None,
    ) -> None:
        self.run_id, self.token = run_id, token
        self.started = self.looked_at = time.monotonic()
        self.deadline = self.started + seconds
        self.given_sender = sender
        self.sleep = sleep or self._nap
        self.more = True
        self.obstacles: list[lane.Obstacle] = []
        self.parked_until: dt.datetime | None = None
        self.read_at = 0.0
        self.account = installation.get()
        self.tenant = self.account.tenant
        self.budget = quota.Budget()
        self.lock = threading.Lock()
        self.health = lane.Health()
        self.cap: int | None = None
        self.drains = 1
        self.crew = crew.Crew(self._recruit, self._round, self._lanes_wanted)

    def work(self) -> bool:
        try:
            self._send()
        except (OperationalError, InterfaceError) as error:
            # The database went away; what was on its way is recovered from the ledger.
            log.warning("sending.database_away", run=self.run_id, error=str(error))
            return True
        except (
            session.AwsConfigurationError,
            vault.SecretUnreadable,
            headers.InvalidHeader,
            AttachmentMissing,
        ) as error:
            self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, str(error)))
        except Exception as error:
            # Going on would meet the same fault with the next five hundred people.
            log.exception("sending.crashed", run=self.run_id)
            words = f"Internal error, see the log: {type(error).__name__}: {error}"
            self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, words))
        if repair.mend(self.run_id, {obstacle.reason for obstacle in self.obstacles}, sent_as=self.tenant):
            return True
        for obstacle in self.obstacles:
            until = None
            if obstacle.by is PauseReason.QUOTA:
                until = self.parked_until or clock.now() + timing.QUOTA_PARK
            states.pause(self.run_id, by=obstacle.by, reason=obstacle.reason, until=until)
        return self.more and not self.obstacles

    def _send(self) -> None:
        run = Run.objects.select_related("campaign", "template_version").get(pk=self.run_id)
        self._read_account()
        self.cap = run.frozen.get("rate_limit")
        self.watch = lateness.Watch(self.run_id, is_local=bool(run.frozen.get("local_at")))
        self.health = lane.Health(selectors.last_calls(run), told=run.pause_reason)
        self.sender = self.given_sender or clients.sender()
        self.plan = plans.Plan.load(run, self.account.configuration_set_prefix)
        self.claimant = limiter.claimant_of_run(self.run_id, str(run.frozen.get("kind", "marketing")))
        self.crew.run()

    def _read_account(self) -> None:
        """The account's figures; the last known ones when SES does not tell them just now."""
        self.read_at = time.monotonic()
        try:
            self.account = quota.current()
        except errors.AccountUnreadableError as error:
            log.warning("sending.account_unreadable", run=self.run_id, error=str(error))
            self.account = installation.get()

    def _recruit(self, pool: Executor) -> tuple[lane.Lane, limiter.Limiter]:
        rate = clients.rate_limiter().for_claimant(self.claimant)
        mine = lane.Lane(
            self.plan,
            sender=self.sender,
            rate=rate,
            buckets=self._buckets,
            pool=pool,
            health=self.health,
            sleep=self.sleep,
        )
        return mine, rate

    def _buckets(self) -> list[limiter.Bucket]:
        left = self.budget.left(self.account).count
        return quota.buckets(self.account, run_id=self.run_id, cap=self.cap, left=left)

    def _lanes_wanted(self, busy_s: float) -> int:
        rate = min(self.account.max_send_rate, self.cap or math.inf)
        if self._is_near_the_end():
            return 1
        return crew.lanes_for(rate, busy_s, self.drains)

    def _round(self, member: crew.Member) -> bool:
        """One round of a lane; False ends the lane, and with the first lane the drain."""
        if shutdown.requested() or time.monotonic() >= self.deadline or not self._look():
            return False
        try:
            if self._is_blocked():
                return self._end()
            if member.asks_first and not selectors.work_is_due(self.run_id)[0]:
                return self._idle(member)
            return self._step(member)
        except cut.RunNotSendingError:
            return self._end(more=False)
        except limiter.LimiterUnavailableError as error:
            log.warning("sending.waits_for_redis", run=self.run_id, error=str(error))
            self.sleep(REDIS_WAIT_S)
        except cut.ClockSkewError as error:
            log.warning("sending.clock_skew", run=self.run_id, error=str(error))
            self.sleep(CLOCK_WAIT_S)
        return True

    def _step(self, member: crew.Member) -> bool:
        if not self._is_near_the_end():
            return self._take_stock(member, member.lane.step())
        with drains.one_after_the_other() as mine:
            if not mine:
                self.sleep(IN_LINE_S)
            elif not self._is_blocked():
                # The last of the day: counted since we are alone, and the next counts ours.
                return self._take_stock(member, member.lane.step())
        return True

    def _is_near_the_end(self) -> bool:
        return self.budget.left(self.account).is_near_the_end(self.account.max_send_rate)

    def _end(self, *, more: bool = True) -> bool:
        """End all lanes of this drain."""
        self.more = self.more and more
        self.crew.stop.set()
        return False

    def _take_stock(self, member: crew.Member, step: lane.Step) -> bool:
        if step.tally.throttled:
            # The rate may have been lowered: ask sooner than in a minute.
            self.read_at = min(self.read_at, time.monotonic() - REFRESH_S + THROTTLED_REFRESH_S)
        if step.tally.quota:
            self.budget.forget()
        if step.obstacle is not None:
            self.obstacles.append(step.obstacle)
            return self._end()
        member.people = step.people
        if step.idle:
            return self._idle(member)
        self.watch.note(step.tally)
        member.asks_first, member.idle_since = False, None
        return True

    def _idle(self, member: crew.Member) -> bool:
        """Nothing to claim: over, or others hold the rest, or it is not due yet."""
        if states.finish(self.run_id):
            return self._end(more=False)
        now = time.monotonic()
        member.asks_first, member.idle_since = True, member.idle_since or now
        if member.number:
            return False
        long_idle = now - member.idle_since > LEAVE_AFTER_S and not self.crew.others
        if long_idle and not selectors.work_is_due(self.run_id, soon=SOON_S)[1]:
            # Beat sends a worker when there is something to do again.
            return self._end(more=False)
        self.sleep(IDLE_S)
        return True

    def _look(self) -> bool:
        """Every few seconds: keep the slot, see who else is at work and who waits. False ends the drain."""
        if self.watch.is_late():
            return self._end(more=False)
        with self.lock:
            now = time.monotonic()
            if now - self.looked_at < LOOK_EVERY_S:
                return True
            self.looked_at = now
        if not drains.renew(self.token):
            log.warning("sending.slot_lost", run=self.run_id)
            return self._end(more=False)
        self.drains = max(1, selectors.drains_of(self.run_id))
        if now - self.started > SHORTEST_S and selectors.must_hand_over(self.token):
            log.info("sending.handed_over", run=self.run_id)
            return self._end()
        return True

    def _is_blocked(self) -> bool:
        """Read the account again once a minute; stop where it may not send, park where the day is used up.

        Raises ClockSkewError where the day looks used up by a clock that is wrong: it may be another day's quota, and
        the park too long.
        """
        with self.lock:
            if self.obstacles:
                return True
            if time.monotonic() - self.read_at > REFRESH_S:
                self._read_account()
                self.budget.forget()
            words = quota.obstacle(self.account)
            if words:
                self.obstacles.append(lane.Obstacle(PauseReason.ACCOUNT, words))
                return True
            left = self.budget.left(self.account)
            if left.count == 0:
                cut.check_clock(selectors.clock_error())
                left = left if left.by_plan else self._ask_again()
            if left.count != 0:
                return False
            if states.finish(self.run_id):  # the last of the day was the last of the run
                self.more = False
                return True
            self.parked_until = left.until
            self.obstacles.append(lane.Obstacle(PauseReason.QUOTA, left.reason))
            return True

    def _ask_again(self) -> quota.Left:
        """Our own count says that the quota is used up: believe Amazon's."""
        try:
            self.account, self.read_at = quota.refresh(), time.monotonic()
        except errors.AccountUnreadableError as error:
            log.warning("sending.account_unreadable", run=self.run_id, error=str(error))
        self.budget.forget()
        return self.budget.left(self.account)

    def _nap(self, seconds: float) -> None:
        """Sleep, but not through a request to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.crew.stop.is_set() or shutdown.requested():
                return
            time.sleep(min(left, NAP_S))
