"""Faults on order: what the sandbox does wrong, how often, and how many times."""

import asyncio
import random
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .errors import ApiError, bad_request

_STATUSES = {
    "MESSAGE_REJECTED",
    "MAIL_FROM_DOMAIN_NOT_VERIFIED",
    "CONFIGURATION_SET_NOT_FOUND",
    "TEMPLATE_NOT_FOUND",
    "ACCOUNT_SUSPENDED",
    "ACCOUNT_THROTTLED",
    "ACCOUNT_DAILY_QUOTA_EXCEEDED",
    "INVALID_SENDING_POOL_NAME",
    "ACCOUNT_SENDING_PAUSED",
    "CONFIGURATION_SET_SENDING_PAUSED",
    "INVALID_PARAMETER",
    "TRANSIENT_FAILURE",
    "FAILED",
}


@dataclass
class Fault:
    """Happens with probability ``share``, at most ``times`` times (None: without end).

    ``seconds`` is the length of a latency or delay, ``status`` the one of an injected entry,
    ``to`` a part of the address it is limited to, ``types`` the event types it is limited to.
    """

    share: float = 0.0
    times: int | None = None
    seconds: float = 0.0
    status: str = ""
    to: str = ""
    types: list[str] = field(default_factory=list)
    happened: int = 0

    def strikes(self, rng: random.Random) -> bool:
        """Draw once, and count it where it hits."""
        if self.share <= 0 or (self.times is not None and self.happened >= self.times):
            return False
        if self.share < 1 and rng.random() >= self.share:
            return False
        self.happened += 1
        return True


@dataclass
class Misbehaviour:
    """All switches. Send calls: the first six; bulk entries; events: the last four."""

    seed: int = 0
    frozen: bool = False
    latency: Fault = field(default_factory=Fault)
    throttle: Fault = field(default_factory=Fault)
    server_error: Fault = field(default_factory=Fault)
    drop: Fault = field(default_factory=Fault)
    accept_and_drop: Fault = field(default_factory=Fault)
    accept_and_error: Fault = field(default_factory=Fault)
    wrong_length: Fault = field(default_factory=Fault)
    entries: list[Fault] = field(default_factory=list)
    events_lost: Fault = field(default_factory=Fault)
    events_doubled: Fault = field(default_factory=Fault)
    events_delayed: Fault = field(default_factory=Fault)
    events_reordered: Fault = field(default_factory=Fault)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - reproducible faults
        self._thawed = asyncio.Event()

    async def before_send(self) -> None:
        """What happens to a send call before SES looks at it."""
        while self.frozen:
            self._thawed.clear()
            await self._thawed.wait()
        if self.latency.strikes(self.rng):
            await asyncio.sleep(self.latency.seconds)
        if self.throttle.strikes(self.rng):
            raise ApiError("TooManyRequestsException", "Maximum sending rate exceeded.", 429)
        if self.server_error.strikes(self.rng):
            raise ApiError("InternalServiceErrorException", "Service encountered an internal error.", 500)

    def entry_status(self, address: str) -> str:
        """A status to answer for this bulk entry instead of sending it; empty for none."""
        for fault in self.entries:
            if fault.to.lower() in address.lower() and fault.strikes(self.rng):
                return fault.status
        return ""

    def thaw(self) -> None:
        """Let frozen calls go on."""
        self._thawed.set()

    def describe(self) -> dict[str, Any]:
        """All switches as JSON."""
        return asdict(self)


def parse(value: dict[str, Any]) -> Misbehaviour:
    """Read switches from JSON: a fault is a share (0 to 1) or an object with the fields of ``Fault``."""
    known = {item.name for item in fields(Misbehaviour)}
    unknown = set(value) - known
    if unknown:
        raise bad_request(f"unknown switches {sorted(unknown)}; there are {sorted(known)}")
    made: dict[str, Any] = {}
    for name, item in value.items():
        if name == "entries":
            made[name] = [_entry(entry) for entry in item]
        elif name in {"seed", "frozen"}:
            made[name] = item
        else:
            made[name] = _fault(item)
    return Misbehaviour(**made)


def _fault(value: Any) -> Fault:
    if isinstance(value, bool):
        return Fault(share=1.0 if value else 0.0)
    if isinstance(value, int | float):
        return Fault(share=float(value))
    if not isinstance(value, dict) or not set(value) <= {item.name for item in fields(Fault)}:
        raise bad_request(f"a fault is a share or an object with {[item.name for item in fields(Fault)]}")
    return Fault(**{"share": 1.0, **value})


def _entry(value: Any) -> Fault:
    fault = _fault(value)
    if fault.status not in _STATUSES:
        raise bad_request(f"status must be one of {sorted(_STATUSES)}")
    return fault
