"""At the socket: the last checks, the call itself, and what became of each person in it."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock

from . import cut, timing

log = structlog.get_logger(__name__)


_ALL_ACCEPTED: Final = {"SUCCESS"}


class Sender(Protocol):
    """What carries a call to SES."""

    def send_bulk(self, request: dict[str, Any], *, until: float) -> list[ses.EntryResult]:
        """Raise SesError, or return one result per entry; see `ses.BulkSender`."""


@dataclass(slots=True)
class Answer:
    """What became of a call: results in the order of its people, or one error for all of them."""

    call: cut.PreparedCall
    results: list[ses.EntryResult] | None = None
    error: errors.SesError | None = None

    @property
    def verdict(self) -> Verdict:
        """Of the call as a whole; results mean that it was accepted as a call."""
        return Verdict.ACCEPTED if self.error is None else self.error.verdict


def all_accepted(answer: Answer) -> bool:
    """Whether SES took everybody of the call: the case that has to be quick."""
    return answer.results is not None and {result.status for result in answer.results} == _ALL_ACCEPTED


class NotSpentError(errors.SesError):
    """Something came in between and nothing was written to the socket."""

    def __init__(self, message: str) -> None:
        super().__init__(Verdict.RETRY, "NotSent", message)


def make(
    sender: Sender, prepared: cut.PreparedCall, *, checked_at: float, may_spend: Callable[[int], bool]
) -> Answer:
    """Make one call, unless its time has passed. Never raises: the answer holds what went wrong.

    `checked_at` is the monotonic time at which eligibility was read; `may_spend` asks whether the tokens for
    so many people still hold.
    """
    try:
        _last_checks(prepared, checked_at, may_spend)
        until = checked_at + timing.CHECK_TO_SOCKET_S
        return Answer(prepared, results=sender.send_bulk(prepared.request, until=until))
    except errors.SesError as error:
        return Answer(prepared, error=error)
    except Exception as error:
        # A fault of ours: nobody knows how far the call got.
        log.exception("sending.call_crashed", call=prepared.id)
        return Answer(prepared, error=errors.LostAnswerError(f"{type(error).__name__}: {error}"))


def make_all(
    sender: Sender,
    calls: Sequence[cut.PreparedCall],
    *,
    checked_at: float,
    may_spend: Callable[[int], bool],
    pool: Executor,
) -> list[Answer]:
    """Make the calls side by side; each is checked by itself, at its own socket. Never raises, as `make`."""
    if isinstance(sender, ses.BulkSender) and sender.sends_many:
        return _many(sender, calls, lambda number: _last_checks(calls[number], checked_at, may_spend), pool)

    def one(prepared: cut.PreparedCall) -> Answer:
        return make(sender, prepared, checked_at=checked_at, may_spend=may_spend)

    return [one(calls[0])] if len(calls) == 1 else list(pool.map(one, calls))


def _many(
    sender: ses.BulkSender, calls: Sequence[cut.PreparedCall], permit: Callable[[int], None], pool: Executor
) -> list[Answer]:
    outgoing = [ses.Outgoing(call.body, len(call.subscriber_ids)) for call in calls]
    try:
        outcomes = sender.send_many(outgoing, permit=permit, executor=pool)
    except Exception as error:
        # A fault of ours: nobody knows how far the calls got.
        log.exception("sending.calls_crashed", calls=[call.id for call in calls])
        lost = errors.LostAnswerError(f"{type(error).__name__}: {error}")
        return [Answer(call, error=lost) for call in calls]
    return [
        Answer(call, error=outcome) if isinstance(outcome, errors.SesError) else Answer(call, results=outcome)
        for call, outcome in zip(calls, outcomes, strict=True)
    ]


def _last_checks(prepared: cut.PreparedCall, checked_at: float, may_spend: Callable[[int], bool]) -> None:
    if not may_spend(len(prepared.subscriber_ids)):
        raise NotSpentError("the rate tokens lapsed on the way")
    if time.monotonic() - checked_at > timing.CHECK_TO_SOCKET_S:
        raise NotSpentError("more than two seconds passed since the people were checked")
    if clock.now() >= prepared.lease_until:
        raise NotSpentError("the lease ran out")
