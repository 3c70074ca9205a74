"""One trial: launch, break everything on schedule, heal, let evidence and the operator settle, reckon."""

import contextlib
import heapq
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.db import connection

from campaigns.models import Run
from campaigns.services import runs

from . import audience as people
from . import judge, scene
from .insist import insist
from .lab import Lab
from .ledger import Ledger, Sums
from .operator import Operator
from .schedule import POSTGRES, REDIS, WORKERS, Act, Kind, Plan

TICK_S: Final = 0.05
SAMPLE_S: Final = 0.4
# Without any progress for so long a trial counts as stuck: a promise broken, not a slow machine.
STUCK_S: Final = 120.0
# For events and decisions; a slow machine takes in fewer than a hundred events a second.
SETTLE_S, SETTLE_S_PER_PERSON = 240.0, 0.03
# How long a kill waits for a call to be in flight.
AIM_S: Final = 2.0
LATE_AIM_S: Final = 8.0
# What was asked to end gets so long.
END_S: Final = 15.0
REFUSES: Final = {"status": "MESSAGE_REJECTED", "to": people.REFUSED, "share": 1.0}


class StuckError(Exception):
    """The run does not come to an end."""


@dataclass
class Tally:
    """What was done, and what was seen on the way."""

    kills: int = 0
    kills_in_flight: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    wrong_sums: list[Sums] = field(default_factory=list)
    log: list[str] = field(default_factory=list)


class Trial:
    """Runs one plan in a lab that is up."""

    def __init__(self, plan: Plan, lab: Lab, ledger: Ledger, say: Callable[[str], None]) -> None:
        """Nothing is begun yet."""
        self.plan, self.lab, self.ledger = plan, lab, ledger
        self._say = say
        self.tally = Tally()
        self.started = time.monotonic()
        self._undo: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._down: set[str] = set()
        self._paused_by_us = False
        self._late_kill_is_due = plan.late_kill
        self._sampled_at = 0.0
        self._progress: tuple[int, float] = (0, time.monotonic())
        self.sums: Sums | None = None
        self.run_id = 0

    def run(self) -> judge.Found:
        """Do everything; returns what the judge needs. Raises StuckError."""
        self._prepare()
        self.operator = Operator(
            self.run_id,
            plan=self.plan,
            lab=self.lab,
            ledger=self.ledger,
            audience=self.audience,
            note=self._note,
            on_resend=self._kill_late,
        )
        self._storm()
        self._calm()
        self.operator.settle(self._watch, SETTLE_S + SETTLE_S_PER_PERSON * self.plan.recipients)
        # The sums at the very end count, too, and are what is printed.
        self._sampled_at = 0.0
        self._watch()
        return judge.Found(
            mode=self.plan.mode,
            people=self.audience.people,
            deliveries=self.ledger.deliveries(self.run_id),
            mailbox=self.operator.mailbox(),
            resent_by_operator=self.ledger.resent(self.run_id, by_itself=False),
            resent_by_itself=self.ledger.resent(self.run_id, by_itself=True),
            wrong_sums=len(self.tally.wrong_sums),
            kills_in_flight=self.tally.kills_in_flight,
        )

    def _prepare(self) -> None:
        # It may have been cut in the trial before.
        connection.close()
        self.lab.sandbox.call("DELETE", "messages")
        scene.set_rate(self.lab.sandbox, self.plan.rate)
        scene.choose_mode(self.plan.mode)
        self.audience = people.make(self.plan.recipients)
        self._weather({})
        launched: Run = scene.launch(self.plan, self.audience)
        self.run_id = launched.pk
        self._progress = 0, time.monotonic()
        self._note(f"run {self.run_id} launched: {self.plan.recipients} people at {self.plan.rate:.0f}/s")

    def _storm(self) -> None:
        """Every act at its place, until the last was done and undone or the run is over."""
        acts = list(self.plan.acts)
        while acts or self._undo or (self._has_killed_too_few() and not self._is_over()):
            self._watch()
            share = self.sums.share if self.sums else 0.0
            if acts and share >= acts[0].at and not self._is_over():
                self._do(acts.pop(0))
            elif acts and self._is_over():
                self._note(f"{len(acts)} acts came too late")
                acts.clear()
            elif not acts and not self._undo and not self._is_over() and self._has_killed_too_few():
                self._do(Act(share, Kind.KILL, (WORKERS[self.tally.kills % len(WORKERS)],), 0.5, "group"))
            time.sleep(TICK_S)

    def _has_killed_too_few(self) -> bool:
        return self.tally.kills_in_flight <= judge.FEWEST_KILLS

    def _calm(self) -> None:
        """Heal everything, and wait until the run is through and the events have come."""
        while self._undo:
            heapq.heappop(self._undo)[2]()
        insist(self.lab.heal)
        self._note("everything healed")
        self._weather({})
        while not self._is_over():
            self._watch()
            time.sleep(TICK_S)
        self._note("the run is through")

    def _is_over(self) -> bool:
        return self.sums is not None and self.sums.state in {"sent", "failed", "cancelled"}

    # --- Looking --------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Undo what is due, look at the sums, resume what an account's trouble paused."""
        now = time.monotonic()
        while self._undo and self._undo[0][0] <= now:
            heapq.heappop(self._undo)[2]()
        if now - self._sampled_at < SAMPLE_S:
            return
        self._sampled_at = now
        sums = self.ledger.sums(self.run_id)
        if sums is None:
            return
        self.sums = sums
        self.tally.samples += 1
        if not sums.is_exact:
            self.tally.wrong_sums.append(sums)
            self._note(f"the sums are wrong: {sums}")
        self._check_progress(sums, now)
        if sums.state == "paused" and not self._paused_by_us:
            self.operator.resume()

    def _check_progress(self, sums: Sums, now: float) -> None:
        if sums.handled != self._progress[0] or self._is_over():
            self._progress = sums.handled, now
        elif now - self._progress[1] > STUCK_S:
            raise StuckError(f"nothing moves for {STUCK_S:.0f} s: {sums}")

    def _note(self, words: str) -> None:
        line = f"{time.monotonic() - self.started:6.1f} s  {words}"
        self.tally.log.append(line)
        self._say(line)

    # --- Doing ----------------------------------------------------------------------------------------------

    def _do(self, act: Act) -> None:
        doers: dict[Kind, Callable[[Act], None]] = {
            Kind.KILL: self._kill,
            Kind.FLUSH: lambda _: self.lab.flush(),
            Kind.FREEZE: self._freeze,
            Kind.WEATHER: self._change_weather,
            Kind.CLOCK: self._set_clocks,
            Kind.PAUSE: self._pause,
            Kind.LEAVE: self._let_leave,
        }
        share = self.sums.share if self.sums else 0.0
        self.tally.kinds[act.kind] += 1
        self._note(f"{share:4.0%}  {act}")
        doers[act.kind](act)

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        heapq.heappush(self._undo, (time.monotonic() + seconds, next(self._numbers), undo))

    def _kill(self, act: Act, aim: float = AIM_S) -> None:
        in_flight = self._aim(aim)
        for name in act.targets:
            if name in self._down or name in self.lab.frozen or not self.lab.kill(name, act.how):
                continue
            self.tally.kills += 1
            self.tally.kills_in_flight += bool(in_flight)
            if act.how != "child":  # a worker makes itself a new one
                self._down.add(name)
                self._later(act.seconds, partial(self._restart, name, time.monotonic() + END_S))

    def _kill_late(self) -> None:
        """People are being sent again: all workers die in the middle of that, once."""
        if self._late_kill_is_due:
            self._late_kill_is_due = False
            self._kill(Act(1.0, Kind.KILL, WORKERS, 0.5, "group"), aim=LATE_AIM_S)

    def _aim(self, seconds: float) -> int:
        """Wait for a moment at which calls are in flight; returns how many."""
        deadline = time.monotonic() + seconds
        while not (found := self.ledger.in_flight(self.run_id)) and time.monotonic() < deadline:
            time.sleep(0.005)
        return found

    def _restart(self, name: str, deadline: float) -> None:
        if self.lab.is_alive(name) and time.monotonic() < deadline:
            # It was asked to end and finishes what it has in hand.
            self._later(0.3, partial(self._restart, name, deadline))
            return
        self.lab.restart(name)
        self._down.discard(name)

    def _freeze(self, act: Act) -> None:
        for name in act.targets:
            if name in self._down or name in self.lab.frozen:
                continue
            self.lab.freeze(name)
            if name in {POSTGRES, REDIS}:
                # We ask them ourselves: whoever waits for the answer cannot let them go on.
                time.sleep(act.seconds)
                self.lab.thaw(name)
                continue
            self._later(act.seconds, partial(self.lab.thaw, name))

    def _change_weather(self, act: Act) -> None:
        self._weather(act.faults)
        self._later(act.seconds, lambda: self._weather({}))

    def _weather(self, faults: dict[str, Any]) -> None:
        calm: dict[str, Any] = {
            "seed": self.plan.seed,
            "latency": {"share": 1.0, "seconds": self.plan.latency},
            **self.plan.channel,
        }
        self.lab.misbehave(**{**calm, **faults, "entries": [REFUSES, *faults.get("entries", ())]})

    def _set_clocks(self, act: Act) -> None:
        for name in act.targets:
            self.lab.set_clock(name, act.amount)
            self._later(act.seconds, partial(self.lab.set_clock, name, 0))

    def _pause(self, act: Act) -> None:
        self._await_servers()
        with contextlib.suppress(Exception):
            self._paused_by_us = insist(
                lambda: runs.pause_run(run_id=self.run_id, by="person", reason="the fault lab"), 5
            )
        self._later(act.seconds, self._resume)

    def _resume(self) -> None:
        self._paused_by_us = False

    def _await_servers(self) -> None:
        """What needs the servers waits until they are started again, which is done by this very thread."""
        while self._down & {POSTGRES, REDIS}:
            self._watch()
            time.sleep(TICK_S)

    def _let_leave(self, act: Act) -> None:
        self._await_servers()
        count = insist(lambda: self.audience.let_leave(act.how))
        self._note(f"{count} people: {act.how}")
