"""Two imports of the same people at the same time, a worker that is killed, and a server without room."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection

from mailplatform.core.keys import email_key
from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging import acts, merge, run, sorting, staging, table, tracing
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    ImportJob,
    ImportState,
    ImportTrace,
    Profile,
    RefusedRow,
    Subscriber,
    Subscription,
)
from subscribers.selectors import imports as selector
from subscribers.selectors import register
from subscribers.services import fields, importing, lists, sealing, suppression
from tests.factories.subscribers import AGREED, person


def checked(text: str, **options: Any) -> ImportJob:
    job = importing.create_job(file=ContentFile(text.encode(), name="people.csv"))
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED, **options)
    return importing.check(job=job)


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Run these in threads that begin together; return what they raised."""
    barrier, errors = threading.Barrier(len(works)), list[BaseException]()

    def go(work: Callable[[], object]) -> None:
        try:
            barrier.wait()
            work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_over_the_same_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHUNK", 40)
    names = [f"p{number:03}@example.com" for number in range(200)]
    news = lists.ensure(name="News")
    one = checked("email,name\n" + "".join(f"{name},One\n" for name in names), mailing_list=news)
    two = checked("email,name\n" + "".join(f"{name},Two\n" for name in reversed(names)), mailing_list=news)
    assert not at_once(lambda: importing.commit(job=one), lambda: importing.commit(job=two))
    for job in (one, two):
        job.refresh_from_db()
        assert (job.state, job.rows_done) == (ImportState.DONE, 200), job.error
    assert one.rows_new + two.rows_new == 200
    assert Subscriber.objects.count() == Profile.objects.count() == ConsentRecord.objects.count() == 200
    assert Subscription.objects.filter(state="confirmed").count() == 200
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}
    # Both are taken back at once, too: nobody is left who has a basis.
    assert not at_once(lambda: importing.undo(job=one), lambda: importing.undo(job=two))
    assert not Profile.objects.exclude(marketing_basis="none").exists()
    assert not Subscription.objects.filter(state="confirmed").exists()
    assert not [job for job in (one, two) if selector.undo_until(ImportJob.objects.get(pk=job.pk))]


MIXED = """email,name,tags
ann@example.com,Anna,new
bob@example.com,Bob,new
broken,Broken,
left@example.com,Left,
cleo@example.com,Cleo,
bob@example.com,Bob again,
dan@example.com,Dan,
eve@example.com,Eve,new
"""
# After which call the worker is killed: in the dry run, between chunks, within one, behind the last.
KILLS = {
    "never": None,
    "as the file was staged": (staging.Staging, "fill", 1),
    "in the dry run": (sorting, "compare", 2),
    "behind the dry run": (staging.Staging, "store_set_aside", 1),
    "before the first chunk": (fields, "ensure_tags", 1),
    "as a chunk was sorted": (sorting, "sort_rows", 2),
    "as the people were written": (merge.Merge, "_people", 2),
    "before the ledger": (acts.Acts, "collect", 3),
    "as the ledger was written": (sealing, "append_waiting", 1),
    "before a chunk was over": (tracing, "note_chunk", 4),
    "between two chunks": (merge.Merge, "run_chunk", 2),
    "behind the last chunk": (staging.Staging, "store_set_aside", 2),
    "before the file was removed": (run.log, "info", 1),
}
NEW = ["bob@example.com", "cleo@example.com", "dan@example.com", "eve@example.com"]
LEAVES = {
    "people": [
        ("ann@example.com", "Anna"),
        *zip(NEW, ("Bob", "Cleo", "Dan", "Eve"), strict=True),
    ],
    "tags": [("ann@example.com", "new"), ("bob@example.com", "new"), ("eve@example.com", "new")],
    "bases": [(email, "consent") for email in ("ann@example.com", *NEW)],
    "members": [(email, "confirmed") for email in ("ann@example.com", *NEW)],
    "records": [("ann@example.com", None), *zip(NEW, (3, 6, 8, 9), strict=True)],
    "refused": [
        (4, "an email address must have an @-sign"),
        (5, "set aside: this person unsubscribed from all mail"),
        (7, "the same address stands in line 3"),
    ],
    "counted": [8, 8, 4, 1, 3],
    "traces": [(0, "ann@example.com")],
    "chunks": 4,
    "rows and file": [0, False],
}


def go_on(job: ImportJob) -> None:
    """What the worker, or the next one after a kill, does with the import as it stands."""
    while True:
        job.refresh_from_db()
        if job.state == ImportState.CHECKING:
            run.check_job(job_id=job.pk)
        elif job.state == ImportState.READY:
            importing.commit(job=job)
        elif job.state == ImportState.RUNNING:
            run.run_job(job_id=job.pk)
        else:
            return


def leaves(job: ImportJob) -> dict[str, Any]:
    """All that an import leaves behind, without times and numbers."""
    emails = dict(Subscriber.objects.values_list("pk", "email"))
    tags = Subscriber.objects.exclude(tags=None).values_list("email", "tags__name")
    records = ConsentPersonal.objects.values_list("email", "evidence__line")
    return {
        "people": sorted(Subscriber.objects.values_list("email", "name")),
        "tags": sorted(tags),
        "bases": sorted(
            (emails[pk], basis) for pk, basis in Profile.objects.values_list("pk", "marketing_basis")
        ),
        "members": sorted(Subscription.objects.values_list("subscriber__email", "state")),
        "records": sorted(records),
        "refused": sorted(RefusedRow.objects.values_list("line", "reason")),
        "counted": [job.rows_total, job.rows_done, job.rows_new, job.rows_changed, job.rows_refused],
        "traces": [
            (chunk, emails[pk]) for chunk, pk in ImportTrace.objects.values_list("chunk", "subscriber_id")
        ],
        "chunks": len(job.made),
        "rows and file": [table.count(job.pk), job.file.storage.exists(str(job.file.name))],
    }


@pytest.mark.django_db
@pytest.mark.parametrize("kill", KILLS)
def test_an_import_killed_anywhere_and_resumed_leaves_what_one_does_that_was_not(
    kill: str, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(run, "CHUNK", 2)
    person("ann@example.com", name="Ann")
    suppression.suppress(email_key=email_key("left@example.com"), reason="unsubscribe", source="test")
    job = importing.create_job(file=ContentFile(MIXED.encode(), name="people.csv"))
    columns, news = from_json(job.mapping["columns"]), lists.ensure(name="News")
    importing.declare(job=job, columns=columns, statement=AGREED, mailing_list=news)
    with django_capture_on_commit_callbacks(execute=True):
        if found := KILLS[kill]:
            with monkeypatch.context() as patch:
                patch.setattr(found[0], found[1], dying(getattr(found[0], found[1]), found[2]))
                with pytest.raises(KeyboardInterrupt):
                    go_on(job)
        go_on(job)
        importing.forget_old()
    job.refresh_from_db()
    assert job.state == ImportState.DONE, job.error
    assert leaves(job) == LEAVES
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def dying(original: Callable[..., Any], call: int) -> Callable[..., Any]:
    calls = list[int]()

    def killed(*args: Any, **options: Any) -> Any:
        answer = original(*args, **options)
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return answer

    return killed


@pytest.mark.django_db
def test_a_full_disk_is_said_and_leaves_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(importing.FileRefusedError, match="disk may be full"):
        importing.create_job(file=ContentFile(b"email\na@b.co\n", name="people.csv"))
    assert not ImportJob.objects.exists()
