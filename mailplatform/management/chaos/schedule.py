"""What is done to one trial, drawn from its seed. Pure: the same seed, size and mode give the same schedule.

Acts are bound to the campaign's progress, not to the clock, so that they strike while it is being sent however
fast the machine is.
"""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

WORKERS: Final = ("worker-1", "worker-2", "worker-3")
BEATS: Final = ("beat-1", "beat-2")
WEB: Final = "web"
REDIS: Final = "redis"
POSTGRES: Final = "postgres"
FIRST, LAST = 0.03, 0.88
# The longest that a signature is believed by the sandbox of a trial, in seconds; longer than the calls' lease.
SIGNATURE_AGE: Final = 10.0


class Mode(StrEnum):
    """How the run settles what it does not know, and what the channel of events does."""

    OFF = "off"  # nothing is re-sent by itself; events may be lost
    ON = "on"  # silence may be taken for proof; no event is lost
    DEAF = "deaf"  # the same, but every event is lost: nothing may be re-sent by itself


class Kind(StrEnum):
    """What an act does."""

    KILL = "kill"
    FLUSH = "flush"
    FREEZE = "freeze"
    WEATHER = "weather"
    CLOCK = "clock"
    PAUSE = "pause"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Act:
    """At `at` (share of the audience handled) do `kind` to `targets`; undone after `seconds`."""

    at: float
    kind: Kind
    targets: tuple[str, ...] = ()
    seconds: float = 1.0
    how: str = ""
    amount: float = 0.0
    faults: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [self.how, *self.targets, *(sorted(self.faults) if self.faults else ())]
        amount = f" {self.amount:+g}" if self.amount else ""
        return f"{self.kind} {' '.join(part for part in parts if part)}{amount} for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """One trial. `rate` in recipients per second, `latency` of a call in seconds."""

    seed: int
    recipients: int
    mode: Mode
    rate: float
    latency: float
    channel: dict[str, Any]
    acts: tuple[Act, ...]
    # Whether all workers are killed once more while people are being sent again.
    late_kill: bool = False


def draw(seed: int, recipients: int, mode: Mode | None = None) -> Plan:
    """Return the trial of a seed; `mode` overrides what the seed would choose."""
    rng = random.Random(f"{seed}/{recipients}")
    drawn = rng.choice([Mode.OFF, Mode.OFF, Mode.ON, Mode.ON, Mode.DEAF])
    chosen = mode or drawn
    acts = [*_kills(rng), *_freezes(rng), *_weather(rng), *_clocks(rng, chosen), *_people(rng)]
    rng.shuffle(acts)
    return Plan(
        seed=seed,
        recipients=recipients,
        mode=chosen,
        rate=max(20.0, recipients / rng.uniform(15, 22)),
        latency=round(rng.uniform(0.03, 0.12), 3),
        channel=_channel(rng, chosen),
        acts=tuple(_spread(rng, acts)),
        late_kill=rng.random() < 0.4,
    )


def _spread(rng: random.Random, acts: list[Act]) -> list[Act]:
    """Give each act its place: evenly, with chance in between."""
    step = (LAST - FIRST) / len(acts)
    places = [FIRST + step * (number + rng.uniform(0, 0.9)) for number in range(len(acts))]
    return [
        Act(at, act.kind, act.targets, act.seconds, act.how, act.amount, act.faults)
        for at, act in zip(places, acts, strict=True)
    ]


def _kills(rng: random.Random) -> list[Act]:
    """At least eight kills. `child` and `parent` leave the rest of a worker's processes alive."""

    def kill(*targets: str, how: str = "group") -> Act:
        return Act(0, Kind.KILL, targets, rng.uniform(0.2, 2.5), how)

    ways = ["group", "group", "child", "parent", "terminate"]
    workers = [kill(rng.choice(WORKERS), how=rng.choice(ways)) for _ in range(rng.randint(4, 6))]
    services = [kill(POSTGRES, how=rng.choice(["immediate", "kill"])), kill(REDIS), kill(WEB)]
    everybody = [kill(*WORKERS)] if rng.random() < 0.4 else []
    return [*workers, *services, *everybody, kill(rng.choice(BEATS)), *_flushes(rng)]


def _flushes(rng: random.Random) -> list[Act]:
    return [Act(0, Kind.FLUSH, (REDIS,), 0.1)] if rng.random() < 0.7 else []


def _freezes(rng: random.Random) -> list[Act]:
    """Longer than the lease of a call (5 s), sometimes longer than a signature is believed (10 s)."""
    workers = [
        Act(0, Kind.FREEZE, (rng.choice(WORKERS),), rng.choice([1.5, 6.0, 8.0, 11.5]))
        for _ in range(rng.randint(1, 2))
    ]
    other = rng.choice([WEB, REDIS, POSTGRES, rng.choice(BEATS)])
    return [*workers, Act(0, Kind.FREEZE, (other,), rng.uniform(1.0, 4.0))]


def _weather(rng: random.Random) -> list[Act]:
    """What Amazon does: a while of each. What is lost without having been accepted stays a small share."""
    kinds: list[dict[str, Any]] = [
        {"accept_and_drop": rng.uniform(0.1, 0.5)},
        {"accept_and_error": rng.uniform(0.1, 0.4)},
        {"wrong_length": rng.uniform(0.05, 0.3)},
        {"drop": {"share": 0.15, "times": 3}},
        {"server_error": {"share": 0.15, "times": 3}},
        {"throttle": rng.uniform(0.1, 0.6)},
        {"latency": {"share": 0.15, "seconds": 4.5, "times": 4}},
        {"frozen": True},
        {"entries": [{"status": "TRANSIENT_FAILURE", "share": rng.uniform(0.01, 0.06)}]},
        {"entries": [{"status": "ACCOUNT_THROTTLED", "share": rng.uniform(0.01, 0.1)}]},
    ]
    return [
        Act(
            0,
            Kind.WEATHER,
            (),
            rng.uniform(0.5, 2.0) if "frozen" in faults else rng.uniform(1, 3),
            faults=faults,
        )
        for faults in rng.sample(kinds, k=rng.randint(3, 5))
    ]


def _clocks(rng: random.Random, mode: Mode) -> list[Act]:
    """Clocks of single machines, or of all; a web process in the past refuses events, which `on` rules out."""
    machines: list[tuple[str, ...]] = [(rng.choice(WORKERS),), WORKERS]
    if mode is not Mode.ON:
        machines.append((WEB,))
    jumps = [1.5, -1.5, 30.0, -30.0, 3600.0, -3600.0]
    return [
        Act(0, Kind.CLOCK, rng.choice(machines), rng.uniform(1.5, 5), amount=rng.choice(jumps))
        for _ in range(rng.randint(1, 2))
    ]


def _people(rng: random.Random) -> list[Act]:
    """Somebody pauses and resumes; subscribers leave, are erased and join while it is being sent."""
    pauses = [Act(0, Kind.PAUSE, (), rng.uniform(0.2, 1.5)) for _ in range(rng.randint(0, 2))]
    return [*pauses, *(Act(0, Kind.LEAVE, (), 0.0, how) for how in ("unsubscribe", "erase", "join"))]


def _channel(rng: random.Random, mode: Mode) -> dict[str, Any]:
    """What befalls events during the whole trial."""
    disorder = {
        "events_doubled": rng.uniform(0, 0.1),
        "events_delayed": {"share": rng.uniform(0, 0.3), "seconds": rng.uniform(0.5, 3)},
        "events_reordered": {"share": rng.uniform(0, 0.3), "seconds": 1.0},
    }
    lost = {Mode.ON: 0.0, Mode.DEAF: 1.0, Mode.OFF: rng.choice([0.0, 0.1, 0.5, 0.9])}[mode]
    return {**disorder, "events_lost": lost} if lost else disorder
