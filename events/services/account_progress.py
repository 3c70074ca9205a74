"""How far the work on the Amazon account is: one at a time, asked for by the page and done by a worker.

It may be forgotten, and a worker goes on without Redis: what was done stands in the audit log.
"""

import dataclasses
import datetime as dt
from typing import Final

from mailplatform.accounts.services import installation
from mailplatform.aws.provision.phrases import Change
from mailplatform.core import clock, memo

KEY: Final = "account-work"
CLAIM: Final = "account-work-claimed"
KEPT_SECONDS: Final = 24 * 3600
# A worker that was killed tells nobody.
GIVEN_UP: Final = dt.timedelta(minutes=10)
ACTS: Final = frozenset({"plan", "apply", "survey", "destroy"})
# What happened, or would, by the words of steps and endings: the word on the page, and its colour.
WORDS: Final = {
    "plan": {
        "create": ("will be made", "scheduled"),
        "change": ("will change", "pending"),
        "remove": ("will go", "error"),
        "keep": ("stays as it is", ""),
        "pending": ("is for you to do", "pending"),
    },
    "apply": {
        "created": ("made", "ok"),
        "changed": ("changed", "ok"),
        "removed": ("removed", "ok"),
        "existed": ("was right", ""),
        "pending": ("is for you to do", "pending"),
    },
    "survey": {"removed": ("goes", "error"), "kept": ("stays", "ok")},
    "destroy": {"removed": ("removed", "ok"), "kept": ("stays", "pending")},
}
UNCHANGED: Final = frozenset({"keep", "existed"})


class AlreadyWorking(Exception):
    """A worker is at it."""


class NotSure(Exception):
    """Everything is to be removed, but it was not confirmed; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One resource: what happened to it or would, and what a reader has to know of it."""

    act: str
    what: str
    resource: str
    note: str = ""
    cost: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """Return what happened, in words."""
        return WORDS[self.act][self.what][0]

    @property
    def colour(self) -> str:
        """Return the state by which the word is coloured."""
        return WORDS[self.act][self.what][1]


@dataclasses.dataclass
class Work:
    """How far it is. `summary` and `error` are for a reader."""

    act: str
    began_at: dt.datetime
    is_done: bool = False
    rows: list[Row] = dataclasses.field(default_factory=list)
    summary: str = ""
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a worker is at it, as far as one can know."""
        return not self.is_done and clock.now() - self.began_at < GIVEN_UP

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """Return what a reader has to look at; what goes and what stays apart, with headings."""
        if self.act not in {"survey", "destroy"}:
            return [("", [row for row in self.rows if row.what not in UNCHANGED])]
        headings = {"removed": "Goes" if self.act == "survey" else "Removed", "kept": "Stays"}
        return [(text, [row for row in self.rows if row.what == what]) for what, text in headings.items()]

    @property
    def unchanged(self) -> list[Row]:
        """Return what was found as it should be."""
        return [row for row in self.rows if row.what in UNCHANGED]

    @property
    def may_remove(self) -> bool:
        """Whether it says what would go, and something would."""
        is_whole = self.act == "survey" and self.is_done and not self.error
        return is_whole and any(row.what == "removed" for row in self.rows)


def state() -> Work | None:
    """Return the last work, if it was within a day."""
    found: Work | None = memo.recall([KEY]).get(KEY)
    return found


def is_running() -> bool:
    """Whether a worker is at it."""
    found = state()
    return found is not None and found.is_running


def begin(act: str, *, typed: str = "") -> Work:
    """Note that a worker is going to work; of two at once, one does.

    To destroy, what would go must have been looked at, and the prefix of all names be `typed`. Raises AlreadyWorking,
    NotSure, ValueError for an unknown act.
    """
    if act not in ACTS:
        raise ValueError(act)
    if is_running():
        raise AlreadyWorking
    if act == "destroy":
        _check_sure(typed)
    # Without Redis nothing can be claimed, and no worker be asked: who queues it is told.
    if not memo.claim(CLAIM, GIVEN_UP.total_seconds()) and memo.recall([CLAIM]):
        raise AlreadyWorking
    begun = Work(act, clock.now())
    note(begun)
    return begun


def note(work: Work) -> None:
    """Tell how far it is; whoever is done lets others begin."""
    memo.keep({KEY: work}, KEPT_SECONDS)
    if work.is_done:
        memo.forget(CLAIM)


def forget() -> None:
    """Take back what `begin` noted: no worker could be asked."""
    memo.forget(KEY)
    memo.forget(CLAIM)


def _check_sure(typed: str) -> None:
    looked = state()
    if looked is None or not looked.may_remove:
        raise NotSure("Look first at what would go. Nothing was removed.")
    prefix = installation.get().configuration_set_prefix
    if typed.strip() != prefix:
        raise NotSure(f"This is not “{prefix}”. Nothing was removed.")
