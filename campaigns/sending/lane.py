"""One lane of a drain: tokens, cut, calls, record; again and again, one batch at a time."""

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections

from mailplatform.aws import errors
from mailplatform.aws.errors import Verdict

from ..models import PauseReason
from . import call, cut, limiter, plans, record, recover, states

log = structlog.get_logger(__name__)

# So long answers are held while the database is away. A worker that is to stop has a minute (docker-compose.yml).
RECORD_PATIENCE_S = 15.0
RECORD_WAITS_S = (0.25, 0.5, 1.0, 2.0)
PATIENCE_S = 2.0
LONGEST_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the run cannot go on by itself."""

    by: PauseReason
    reason: str


@dataclass(slots=True)
class Step:
    """What one round did."""

    people: int = 0
    idle: bool = False
    obstacle: Obstacle | None = None
    tally: record.Tally = field(default_factory=record.Tally)


class Health:
    """How the calls of a run have been going; shared by the lanes of a drain."""

    # So many calls in a row without an answer, or refused as a whole, and a person has to look.
    LOST_STREAK = 5
    REFUSED_STREAK = 20
    # So many in a row that reached nobody, and the page says so. It may mend itself, so the run goes on trying.
    UNREACHED_STREAK = 20

    def __init__(self, past: Sequence[str] = (), *, told: str = "") -> None:
        """`past` are the errors of the run's last calls, the oldest first: a drain may end after a few seconds.

        `told` is what the page says.
        """
        self._lock = threading.Lock()
        self._lost = self._unreached = self._refused = 0
        self._unreached_words = ""
        self.told = told
        for error in past[-self.REFUSED_STREAK :]:
            code = error.partition(":")[0]
            verdict = Verdict.ACCEPTED if not error else errors.CALL_VERDICTS.get(code)
            self._count(
                verdict, is_lost=code == "LostAnswer", unreached=error if code == "NotReached" else ""
            )

    def note(self, answer: call.Answer) -> None:
        """Count one call."""
        # Through SMTP each mail of a call has an answer of its own, so a call with an answer may hold a lost one.
        ends = [] if call.all_accepted(answer) else [result.verdict for result in answer.results or ()]
        verdict: Verdict | None = answer.verdict
        if verdict is Verdict.ACCEPTED and ends and Verdict.ACCEPTED not in ends:
            verdict = None
        with self._lock:
            self._count(
                verdict,
                is_lost=verdict is Verdict.LOST or Verdict.LOST in ends,
                unreached=str(answer.error) if isinstance(answer.error, errors.NotReachedError) else "",
            )

    def _count(self, verdict: Verdict | None, *, is_lost: bool, unreached: str) -> None:
        self._lost = self._lost + 1 if is_lost else 0
        self._unreached = self._unreached + 1 if unreached else 0
        self._unreached_words = unreached
        if verdict is Verdict.REFUSED:
            self._refused += 1
        elif verdict is Verdict.ACCEPTED:
            self._refused = 0

    @property
    def obstacle(self) -> str:
        """Why going on makes no sense, or ''."""
        if self._lost >= self.LOST_STREAK:
            return f"Amazon SES left {self._lost} calls in a row without an answer."
        if self._refused >= self.REFUSED_STREAK:
            return f"Amazon SES refused {self._refused} calls in a row as malformed."
        return ""

    @property
    def delay(self) -> str:
        """Why the run does not get on though it goes on trying, or ''."""
        if self._unreached < self.UNREACHED_STREAK:
            return ""
        return f"None of the last {self.UNREACHED_STREAK} calls reached the server. {self._unreached_words}"

    @property
    def wait(self) -> float:
        """Seconds to let pass before the next call: without an answer it is worth waiting for."""
        silent = max(self._lost, self._unreached)
        return min(2.0 ** min(silent, 10), LONGEST_WAIT_S) if silent else 0.0


class Lane:
    """Belongs to one thread, as its database connection does."""

    def __init__(
        self,
        plan: plans.Plan,
        *,
        sender: call.Sender,
        rate: limiter.Limiter,
        buckets: Callable[[], list[limiter.Bucket]],
        pool: Executor,
        health: Health,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`buckets` gives the current limits, the account's first."""
        self._plan = plan
        self._sender = sender
        self._rate = rate
        self._buckets = buckets
        self._pool = pool
        self._sleep = sleep
        self._token = uuid.uuid4()
        self._held: int | None = None
        self._health = health

    def step(self) -> Step:
        """One round. Raises RunNotSendingError, ClockSkewError, LimiterUnavailableError: nothing is lost."""
        buckets = self._buckets()
        tokens = self._rate.take(buckets, most=limiter.MAX_BLOCK, patience=PATIENCE_S)
        if tokens is None:
            return Step()
        made = self._cut(buckets, tokens)
        if made is None:
            return Step(idle=True)
        tally = self._send(buckets, tokens, made) if made.calls else record.Tally()
        step = Step(people=made.people, tally=tally)
        step.obstacle = self._react(buckets[0], tally)
        return step

    def close(self) -> None:
        """Give back the batch that is not used up."""
        if self._held is not None:
            recover.release(self._held, self._token)
            self._held = None

    def _cut(self, buckets: list[limiter.Bucket], tokens: limiter.Tokens) -> cut.Cut | None:
        size = limiter.call_size(min(bucket.rate for bucket in buckets))
        made = None
        try:
            made = self._next_cut(tokens.count, size)
        finally:
            unspent = tokens.count - (made.sendable if made else 0)
            if unspent:
                # The people of this cut are on their way: nothing may come between them and the socket.
                with contextlib.suppress(limiter.LimiterUnavailableError):
                    self._rate.give_back(buckets, unspent)
        return made

    def _next_cut(self, most: int, call_size: int) -> cut.Cut | None:
        if self._held is not None:
            made = cut.cut(self._plan, held=self._held, token=self._token, most=most, call_size=call_size)
            if made is not None:
                self._keep(made)
                return made
            # Recovery or a cancellation took it from us.
            self._held = None
        made = cut.cut(self._plan, held=None, token=self._token, most=most, call_size=call_size)
        if made is not None:
            self._keep(made)
        return made

    def _keep(self, made: cut.Cut) -> None:
        self._held = None if made.batch_is_done else made.batch_id

    def _send(self, buckets: list[limiter.Bucket], tokens: limiter.Tokens, made: cut.Cut) -> record.Tally:
        def may_spend(count: int) -> bool:
            try:
                return not tokens.lapsed or self._rate.retake(buckets, count)
            except limiter.LimiterUnavailableError:
                return False

        answers = call.make_all(
            self._sender, made.calls, checked_at=made.checked_at, may_spend=may_spend, pool=self._pool
        )
        for answer in answers:
            self._note(answer)
        return self._record(made, answers)

    def _record(self, made: cut.Cut, answers: list[call.Answer]) -> record.Tally:
        """Repeats itself while the database is away: the calls are closed once only, whatever happens."""
        deadline = time.monotonic() + RECORD_PATIENCE_S
        waits = itertools.chain(RECORD_WAITS_S, itertools.repeat(RECORD_WAITS_S[-1]))
        while True:
            try:
                return record.record(self._plan.run_id, made.batch_id, made.lease_token, answers)
            except (OperationalError, InterfaceError) as error:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                log.warning("sending.record_repeated", run=self._plan.run_id, error=str(error))
                # Not the drain's nap, which ends at once when the worker is to stop or another lane met the same
                # outage: these people were accepted, and nobody else knows.
                time.sleep(min(next(waits), left))
                close_old_connections()

    def _note(self, answer: call.Answer) -> None:
        self._health.note(answer)
        if answer.error is not None:
            log.warning(
                "sending.call_failed", run=self._plan.run_id, call=answer.call.id, error=str(answer.error)
            )

    def _react(self, account: limiter.Bucket, tally: record.Tally) -> Obstacle | None:
        if tally.throttled:
            with contextlib.suppress(limiter.LimiterUnavailableError):
                self._rate.slow_down(account)
        if tally.stop:
            return Obstacle(PauseReason.ACCOUNT, tally.stop)
        if tally.quota:
            return Obstacle(PauseReason.QUOTA, tally.quota)
        if self._health.obstacle:
            return Obstacle(PauseReason.ACCOUNT, self._health.obstacle)
        if self._health.delay != self._health.told:
            self._health.told = self._health.delay
            states.explain(self._plan.run_id, self._health.told)
        if self._health.wait:
            self._sleep(self._health.wait)
        return None
