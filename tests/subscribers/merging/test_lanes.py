"""Two chunks at a time: they end in the order of the file, and nothing is done after one that was not."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError

from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging import lanes, merge, run
from subscribers.models import ConsentRecord, ImportJob, ImportState, Profile, Subscriber
from subscribers.selectors import register
from subscribers.services import importing, lists
from tests.factories.subscribers import AGREED

CHUNKS = [(0, 2), (2, 4), (4, 6), (6, 8)]


def test_all_chunks_are_merged_and_an_error_stops_those_after_it() -> None:
    done, tries = list[int](), list[int]()

    def merging(after: int, upto: int, *, begun: Callable[[], None]) -> None:
        begun()
        done.append(upto)

    lanes.merge_all(CHUNKS, merging)
    assert sorted(done) == [2, 4, 6, 8]
    lanes.merge_all([], merging)

    def broken(after: int, upto: int, *, begun: Callable[[], None]) -> None:
        begun()
        tries.append(after)
        if after == 2:
            raise OSError("the disk is full")
        if after > 2:
            raise lanes.OutOfTurnError

    with pytest.raises(OSError, match="disk is full"):
        lanes.merge_all(CHUNKS, broken)
    assert tries.count(2) == 1


def test_a_chunk_out_of_turn_waits_for_the_one_before_and_is_merged_again() -> None:
    done = list[int]()

    def late(after: int, upto: int, *, begun: Callable[[], None]) -> None:
        begun()
        if done != list(range(2, upto, 2)):
            raise lanes.OutOfTurnError
        done.append(upto)

    lanes.merge_all(CHUNKS, late)
    assert done == [2, 4, 6, 8]


@pytest.fixture
def job(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> ImportJob:
    monkeypatch.setattr(run, "CHUNK", 20)
    text = "email,name\n" + "".join(f"p{number:03}@example.com,Pat\n" for number in range(110))
    found = importing.create_job(file=ContentFile(text.encode(), name="people.csv"))
    columns = from_json(found.mapping["columns"])
    importing.declare(job=found, columns=columns, statement=AGREED, mailing_list=lists.ensure(name="News"))
    return importing.check(job=found)


def fail(monkeypatch: pytest.MonkeyPatch, chunk: int, times: int) -> None:
    original, failed = merge.Merge._people, list[int]()

    def sometimes(self: merge.Merge, cursor: Any, params: dict[str, Any], counts: Any) -> list[int]:
        known = original(self, cursor, params, counts)
        if params["after"] == chunk and len(failed) < times:
            failed.append(1)
            raise IntegrityError("a complaint came in between")
        return known

    monkeypatch.setattr(merge.Merge, "_people", sometimes)


def whole(job: ImportJob) -> None:
    job.refresh_from_db()
    assert (job.state, job.rows_done, job.rows_new) == (ImportState.DONE, 110, 110), job.error
    assert Subscriber.objects.count() == Profile.objects.count() == ConsentRecord.objects.count() == 110
    first = [made["records"][0] for made in job.made]
    assert len(first) == 6
    assert first == sorted(first)
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def test_a_chunk_that_is_tried_again_keeps_its_place(job: ImportJob, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, 40, 1)
    importing.commit(job=job)
    whole(job)
    importing.undo(job=job)
    assert not Subscriber.objects.exists()


def test_nothing_is_merged_after_a_chunk_that_failed(job: ImportJob, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail(patch, 40, merge.TRIES)
        with pytest.raises(IntegrityError):
            importing.commit(job=job)
    job.refresh_from_db()
    assert (job.state, job.rows_done, len(job.made)) == (ImportState.FAILED, 40, 2)
    assert Subscriber.objects.count() == ConsentRecord.objects.count() == 40
    # As after a kill: it goes on where it stopped.
    ImportJob.objects.update(state=ImportState.RUNNING)
    run.run_job(job_id=job.pk)
    whole(job)
    # An undo finds each of them in one chunk.
    people = sorted(made["people"] for made in job.made)
    assert all(last < first for (_, last), (first, _) in pairwise(people)), people
