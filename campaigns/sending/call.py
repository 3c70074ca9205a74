"""At the socket: the last checks, the call itself, and what became of each person in it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock

from . import cut, timing

log = structlog.get_logger(__name__)


class Sender(Protocol):
    """What carries a call to SES."""

    def send_bulk(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        """Raise SesError, or return one result per entry."""


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
        return Answer(prepared, results=sender.send_bulk(prepared.request))
    except errors.SesError as error:
        return Answer(prepared, error=error)
    except Exception as error:
        # A fault of ours: nobody knows how far the call got.
        log.exception("sending.call_crashed", call=prepared.id)
        return Answer(prepared, error=errors.LostAnswerError(f"{type(error).__name__}: {error}"))


def _last_checks(prepared: cut.PreparedCall, checked_at: float, may_spend: Callable[[int], bool]) -> None:
    if not may_spend(len(prepared.subscriber_ids)):
        raise NotSpentError("the rate tokens lapsed on the way")
    if time.monotonic() - checked_at > timing.CHECK_TO_SOCKET_S:
        raise NotSpentError("more than two seconds passed since the people were checked")
    if clock.now() >= prepared.lease_until:
        raise NotSpentError("the lease ran out")
