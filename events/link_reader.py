"""Finds out where links lead that hang on the person who follows them, or whose run this process does not know yet."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import Error as AnyDatabaseError
from django.db import connection

from .group_thread import GroupThread
from .tracked_runs import TrackedRuns


@dataclass(frozen=True, slots=True)
class _Question:
    run_id: int
    key: str
    subscriber_id: int
    answer: "Future[bytes]" = field(default_factory=Future)


class LinkReader(GroupThread[_Question]):
    """Asks the database for one link after the other, about a millisecond for each."""

    name = "link-reader"
    stop_seconds = 2.0

    def __init__(self, runs: TrackedRuns) -> None:
        super().__init__()
        self._runs = runs

    def ask(self, run_id: int, key: str, subscriber_id: int) -> "Future[bytes]":
        """Return what will be the place; `NoSuchLink` or an error of the database in its stead."""
        question = _Question(run_id, key, subscriber_id)
        self._put(question)
        return question.answer

    def _take(self, group: list[_Question]) -> bool:
        for question in group:
            # False where whoever asked has stopped waiting.
            if question.answer.set_running_or_notify_cancel():
                self._answer(question)
        return True

    def _answer(self, question: _Question) -> None:
        try:
            question.answer.set_result(self._place(question))
        except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
            question.answer.set_exception(error)

    def _place(self, question: _Question) -> bytes:
        was_open = connection.connection is not None
        try:
            return self._runs.place(question.run_id, question.key, question.subscriber_id)
        except AnyDatabaseError:
            connection.close()
            if not was_open:
                raise
        # The server may have ended a connection that was idle, or it started anew.
        return self._runs.place(question.run_id, question.key, question.subscriber_id)
