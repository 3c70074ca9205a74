"""What a person may see of themselves: what is held, what was sent, what they agreed to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from subscribers.models import ConsentRecord, Subscriber, Subscription
from subscribers.selectors import merging

SHOWN: Final = 20
# Run by run, by the primary key: there is no index of deliveries by person.
_MAILS: Final = """
    SELECT d.at, r.frozen->>'subject' FROM campaigns_run r CROSS JOIN LATERAL (
        SELECT x.at FROM campaigns_delivery x
        WHERE x.run_id = r.id AND x.subscriber_id = ANY(%s::bigint[]) AND x.state IN ('accepted', 'unresolved') OFFSET 0
    ) d ORDER BY d.at DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Held:
    """The page's sections; each list holds at most the newest `SHOWN`."""

    subscriptions: list[Subscription]
    consents: list[ConsentRecord]
    mails: list[tuple[datetime, str]]
    fields: list[tuple[str, str]]


def of(person: Subscriber) -> Held:
    """Return what the page shows."""
    former = merging.former(person.pk)
    subjects = [person.public_id, *(each.old_subject for each in former)]
    numbers = [person.pk, *(each.old_id for each in former)]
    return Held(
        list(Subscription.objects.filter(subscriber=person).select_related("mailing_list")),
        list(ConsentRecord.objects.filter(subject__in=subjects).order_by("-id")[:SHOWN]),
        _mails(numbers, SHOWN),
        [(key, _words(value)) for key, value in person.fields.items()],
    )


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _mails(numbers: list[int], limit: int) -> list[tuple[datetime, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_MAILS, [numbers, limit])
        return [(at, subject) for at, subject in cursor.fetchall()]
