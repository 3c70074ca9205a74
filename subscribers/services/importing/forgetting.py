"""Imports that are given up, and what is kept of old ones."""

import datetime as dt
from contextlib import suppress
from typing import Final

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ...merging import run
from ...models import ImportJob, ImportState, ImportTrace, RefusedRow
from ...selectors import imports as selector
from .errors import OPEN_STATES, ImportStateError

KEEP_WAITING: Final = dt.timedelta(days=7)
KEEP_REFUSED: Final = dt.timedelta(days=30)
OVER: Final = (ImportState.DONE, ImportState.UNDONE)


def cancel(*, job: ImportJob, actor: User | None = None) -> None:
    """Give an import up before it started, and remove its file. Raises ImportStateError when it is too late."""
    with transaction.atomic():
        changed = ImportJob.objects.filter(pk=job.pk, state__in=OPEN_STATES).update(
            state=ImportState.CANCELLED, finished_at=clock.now()
        )
        if not changed:
            raise ImportStateError
        audit.record(actor=actor, action="import.cancelled", obj=job)
        RefusedRow.objects.filter(job=job).delete()
        run.forget_file(job)


def forget_old() -> int:
    """Give up imports that nobody went on with, and drop the refused rows of old ones; return how many were given up.

    A file of people whom we may not even write to is not kept because somebody closed a window.
    """
    now = clock.now()
    waiting = ImportJob.objects.filter(state__in=OPEN_STATES, updated_at__lt=now - KEEP_WAITING)
    given_up = 0
    for job in waiting:
        with suppress(ImportStateError):
            cancel(job=job)
            given_up += 1
    # A worker may have been killed after the end of an import and before it removed the file.
    for job in ImportJob.objects.filter(state__in=OVER).exclude(mapping__sample=[]):
        run.forget_file(job)
    RefusedRow.objects.filter(job__finished_at__lt=now - KEEP_REFUSED).delete()
    _forget_traces(now)
    return given_up


def _forget_traces(now: dt.datetime) -> None:
    """Former values are kept for the time of the undo alone; the names of whom it left, as long as refused rows."""
    settled = ImportJob.objects.exclude(state__in=selector.WORKING)
    over = settled.exclude(state=ImportState.UNDONE).filter(finished_at__lt=now - selector.UNDO_FOR)
    ImportTrace.objects.filter(job__in=over).delete()
    over.exclude(made=[]).update(made=[])
    old = settled.filter(finished_at__lt=now - KEEP_REFUSED)
    ImportTrace.objects.filter(job__in=old).delete()
