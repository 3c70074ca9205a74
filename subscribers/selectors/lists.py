"""Reading mailing lists and who is on them."""

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from ..models import MailingList, SubscriptionState

Lists = QuerySet[MailingList]


def live() -> Lists:
    """Return the lists in use, by name."""
    return MailingList.objects.filter(archived_at=None)


def with_counts() -> Lists:
    """Return the lists in use with ``confirmed``, ``pending`` and ``unsubscribed`` counted."""
    counts = {
        state.value: Count("subscriptions", filter=Q(subscriptions__state=state))
        for state in SubscriptionState
    }
    return live().annotate(**counts)


def access_list(public_id: UUID) -> MailingList:
    """Return a list with its counts; MailingList.DoesNotExist when there is none or it is archived."""
    return with_counts().get(public_id=public_id)
