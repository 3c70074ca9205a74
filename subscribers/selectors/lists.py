"""Reading mailing lists and who is on them."""

from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from mailplatform.core import memo

from ..models import MailingList, SubscriptionState

Lists = QuerySet[MailingList]
# Up to so many memberships each look counts them anew.
EXACT_BELOW: Final = 200_000
KEPT_S: Final = 60
_KEPT: Final = "list-counts"
_COUNTS: Final = "SELECT mailing_list_id, state, count(*) FROM subscribers_subscription GROUP BY 1, 2"


def live() -> Lists:
    """Return the lists in use, by name."""
    return MailingList.objects.filter(archived_at=None)


def with_counts() -> list[MailingList]:
    """Return the lists in use, each with how many are ``confirmed``, ``pending`` and ``unsubscribed`` (two queries)."""
    rows = list(live())
    _count(rows)
    return rows


def access_list(public_id: UUID) -> MailingList:
    """Return a list with its counts; MailingList.DoesNotExist when there is none or it is archived."""
    found = live().get(public_id=public_id)
    _count([found])
    return found


def _count(rows: list[MailingList]) -> None:
    counts = _counts()
    for row in rows:
        for state in SubscriptionState:
            setattr(row, state.value, counts.get(f"{row.pk} {state.value}", 0))


def _counts() -> dict[str, int]:
    """People by list and state. Where there are very many they are counted once a minute, not for every look."""
    if found := memo.recall([_KEPT]).get(_KEPT):
        return dict(found)
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        counts = {f"{list_id} {state}": number for list_id, state, number in cursor.fetchall()}
    if sum(counts.values()) > EXACT_BELOW:
        memo.keep({_KEPT: counts}, KEPT_S)
    return counts
