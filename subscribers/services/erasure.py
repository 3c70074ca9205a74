"""Erasure (GDPR Art. 17): what names the person goes; what proves that we may not mail them again stays.

Gone: the subscriber with subscriptions, tags and profile; addresses, evidence and salts beside the ledger.
Kept: the ledger's leaves, which then say nothing about anybody, and the keyed hash of the address as a
suppression.
"""

from collections.abc import Sequence

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from mailplatform.core.keys import email_key

from ..ledger import encoding, writing
from ..merging import order_table
from ..merging import table as staging
from ..models import (
    Act,
    ConsentPersonal,
    ImportTrace,
    LawfulBasis,
    Method,
    PersonMerge,
    Profile,
    Purpose,
    RightsCase,
    RightsState,
    Subscriber,
    SuppressionReason,
)
from ..selectors import merging
from . import basis, consent, sealing, signup, suppression


class NobodyToErase(LookupError):
    """Nobody has this number; perhaps the person was erased already."""


@transaction.atomic
def erase(*, subscriber_id: int, actor: User | None, source: str, automatic: bool = False) -> int:
    """Erase one person; return the id of the record that says so. `actor` None is the person themselves.

    With `automatic` it is a rule of retention that acts. Whoever was merged into them is the same person and goes
    with them.
    """
    subscriber = Subscriber.objects.filter(id=subscriber_id).first()
    if subscriber is None:
        raise NobodyToErase(f"no subscriber {subscriber_id}")
    former = merging.former(subscriber_id)
    keys = [bytes(subscriber.email_key), *(bytes(each.old_email_key) for each in former)]
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, keys)
        # A second click at the same moment waited for these locks.
        if not Subscriber.objects.filter(pk=subscriber_id).exists():
            raise NobodyToErase(f"no subscriber {subscriber_id}")
        basis.lock_profiles(cursor, [subscriber_id])
        at = clock.now()
        suppression.suppress_keys(
            cursor, [(key, SuppressionReason.ERASED.value, source, "", at) for key in keys]
        )
    for key in keys:
        staging.forget_person(key)
        order_table.forget_person(key)
    signup.forget_person(email_keys=keys)
    for email in {subscriber.email, *_addresses(former)}:
        _forget_rows_of_imports(email)
    record = consent.record(
        subscriber_id=subscriber_id,
        purpose=Purpose.MARKETING,
        act=Act.ERASED,
        lawful_basis=LawfulBasis.NONE,
        method=_method(actor, automatic=automatic),
        source=source,
        occurred_at=clock.now(),
        actor=f"user:{actor.pk}" if actor else "retention" if automatic else "person",
    )
    _record_former(former, source, record.actor)
    ids = [subscriber_id, *(each.old_id for each in former)]
    ConsentPersonal.objects.filter(subscriber_id__in=ids).delete()
    ImportTrace.objects.filter(subscriber_id__in=ids).delete()
    Profile.objects.filter(subscriber_id=subscriber_id).delete()
    RightsCase.objects.filter(email_key__in=keys).exclude(state=RightsState.OPEN).update(email="")
    subscriber.delete()
    audit.record(
        actor=actor, action="subscriber.erased", detail={"subscriber": subscriber_id, "record": record.id}
    )
    return record.id


@transaction.atomic
def erase_address(*, email: str, source: str) -> None:
    """Forget an address under which nobody is known (any more), and let no import bring it.

    What waits for a confirmation goes, rows of imports, and the address in cases that are decided.
    """
    key = email_key(email)
    with connection.cursor() as cursor:
        suppression.suppress_keys(cursor, [(key, SuppressionReason.ERASED.value, source, "", clock.now())])
    staging.forget_person(key)
    order_table.forget_person(key)
    signup.forget_person(email_keys=[key])
    _forget_rows_of_imports(email)
    RightsCase.objects.filter(email_key=key).exclude(state=RightsState.OPEN).update(email="")


def _method(actor: User | None, *, automatic: bool) -> Method:
    if automatic:
        return Method.SYSTEM
    return Method.MANUAL if actor else Method.PAGE


def _addresses(former: Sequence[PersonMerge]) -> set[str]:
    """The addresses that the person had under the numbers that were merged into theirs."""
    ids = [each.old_id for each in former]
    found = ConsentPersonal.objects.filter(subscriber_id__in=ids).exclude(email="")
    return set(found.values_list("email", flat=True)) if ids else set()


def _record_former(former: Sequence[PersonMerge], source: str, actor: str) -> None:
    """The same record for who was merged into this person: their evidence goes, too, and the ledger must say so."""
    if not former:
        return
    texts = [Purpose.MARKETING.value, Act.ERASED.value, LawfulBasis.NONE.value, Method.MANUAL.value]
    shared = writing.share([*texts, "", "0", "", "", "", source[:200], actor, "0"])
    now = clock.now()
    sealing.append(
        [
            writing.Draft(
                each.old_id, str(each.old_subject), "", bytes(each.old_email_key).hex(), "", "", shared,
                encoding.format_time(now),
            )
            for each in former
        ],
        recorded_at=now,
    )  # fmt: skip


def _forget_rows_of_imports(email: str) -> None:
    """Rows of imports are kept as they came, so the address may stand in any of their cells."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM subscribers_refusedrow WHERE position(%s IN lower(row::text)) > 0", [email]
        )
        cursor.execute(
            """
            UPDATE subscribers_importjob SET mapping = jsonb_set(mapping, '{sample}', '[]', false),
                preview = jsonb_set(jsonb_set(preview, '{sample}', '[]', false), '{changes}', '[]', false)
            WHERE position(%s IN lower(mapping::text || preview::text)) > 0
            """,
            [email],
        )
