"""Two workers, two imports of the same people, at the same time; and a server without room."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection

from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging import run
from subscribers.models import ConsentRecord, ImportJob, ImportState, Profile, Subscriber, Subscription
from subscribers.selectors import imports as selector
from subscribers.selectors import register
from subscribers.services import importing, lists
from tests.factories.subscribers import AGREED


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


@pytest.mark.django_db
def test_a_full_disk_is_said_and_leaves_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(importing.FileRefusedError, match="disk may be full"):
        importing.create_job(file=ContentFile(b"email\na@b.co\n", name="people.csv"))
    assert not ImportJob.objects.exists()
