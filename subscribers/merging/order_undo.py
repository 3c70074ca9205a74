"""Taking an import of orders back, chunk by chunk, each one transaction, so that a killed undo goes on.

The orders that it brought go, and profiles forget them. The soft opt-ins that rested on them are annulled: they give no
basis any more, and are no "no" of the person. What somebody said since stays as they said it.
"""

from collections import Counter
from typing import Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ..models import ImportJob, Order
from ..services import basis, orders
from . import sorting, undo

_GRANTED: Final = """
SELECT s.id FROM subscribers_consentrecord r JOIN subscribers_subscriber s ON s.public_id = r.subject
WHERE r.id BETWEEN %(first_record)s AND %(last_record)s AND r.actor = %(actor)s
"""


def undo_chunks(job: ImportJob) -> None:
    """Take back every chunk that is not taken back yet; the caller holds the job's lock. Ends in state undone."""
    for place in range(int(job.undo.get("chunks", 0)), len(job.made)):
        with transaction.atomic(), connection.cursor() as cursor:
            _undo_chunk(cursor, job, job.made[place])
    undo.end(job)


def _undo_chunk(cursor: CursorWrapper, job: ImportJob, made: dict[str, list[int]]) -> None:
    params = undo.annulling(job, made["records"])
    cursor.execute(sorting.BY_INDEX)
    orders_of_it = Order.objects.filter(job=job, pk__range=made["orders"])
    ids, buyers = (
        list(orders_of_it.values_list("pk", flat=True)),
        orders_of_it.values_list("subscriber_id", flat=True),
    )
    cursor.execute(_GRANTED, params)
    granted = [row[0] for row in cursor.fetchall()]
    basis.lock_profiles(cursor, [*granted, *buyers])
    removed = orders.remove(cursor, ids)
    undo.begin(cursor)
    annulled = undo.annul(cursor, params)
    basis.derive(cursor, granted)
    job.undo = dict(Counter(job.undo) + Counter(removed=removed, annulled=annulled, chunks=1))
    ImportJob.objects.filter(pk=job.pk).update(undo=job.undo)
