"""Erasure (GDPR Art. 17): what names the person goes; what proves that we may not mail them again stays.

Gone: the subscriber with subscriptions, tags and profile; addresses, evidence and salts beside the ledger.
Kept: the ledger's leaves, which then say nothing about anybody, and the keyed hash of the address as a
suppression.
"""

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import (
    Act,
    ConsentPersonal,
    LawfulBasis,
    Method,
    Profile,
    Purpose,
    Subscriber,
    SuppressionReason,
)
from . import basis, consent, suppression


class NobodyToErase(LookupError):
    """Nobody has this number; perhaps the person was erased already."""


@transaction.atomic
def erase(*, subscriber_id: int, actor: User | None, source: str) -> int:
    """Erase one person; return the id of the record that says so. `actor` None is the person themselves."""
    subscriber = Subscriber.objects.filter(id=subscriber_id).first()
    if subscriber is None:
        raise NobodyToErase(f"no subscriber {subscriber_id}")
    key = bytes(subscriber.email_key)
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [key])
        basis.lock_profiles(cursor, [subscriber_id])
    suppression.suppress(email_key=key, reason=SuppressionReason.ERASED, source=source)
    _forget_rows_of_imports(subscriber.email)
    record = consent.record(
        subscriber_id=subscriber_id,
        purpose=Purpose.MARKETING,
        act=Act.ERASED,
        lawful_basis=LawfulBasis.NONE,
        method=Method.MANUAL if actor else Method.PAGE,
        source=source,
        occurred_at=clock.now(),
        actor=f"user:{actor.pk}" if actor else "person",
    )
    ConsentPersonal.objects.filter(subscriber_id=subscriber_id).delete()
    Profile.objects.filter(subscriber_id=subscriber_id).delete()
    subscriber.delete()
    audit.record(
        actor=actor, action="subscriber.erased", detail={"subscriber": subscriber_id, "record": record.id}
    )
    return record.id


def _forget_rows_of_imports(email: str) -> None:
    """Rows of imports are kept as they came, so the address may stand in any of their cells."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM subscribers_refusedrow WHERE position(%s IN lower(row::text)) > 0", [email]
        )
        cursor.execute(
            """
            UPDATE subscribers_importjob SET mapping = jsonb_set(mapping, '{sample}', '[]', false),
                preview = jsonb_set(preview, '{sample}', '[]', false)
            WHERE position(%s IN lower(mapping::text || preview::text)) > 0
            """,
            [email],
        )
