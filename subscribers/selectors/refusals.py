"""Who said no to being measured, and until when they are not asked again.

Not being asked takes nothing away: whoever changes their mind finds the boxes, and their own act counts at once.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from mailplatform.core import clock

from .. import months
from ..models import ConsentRecord, Purpose, Subscriber
from ..models.consent import NO

ASKED: Final = (Purpose.OPENS, Purpose.CLICKS)
MONTHS: Final = 6


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" that still holds, and the day on which the question may be put again."""

    at: dt.datetime
    ask_from: dt.date


def of(subscriber_id: int) -> dict[str, Refusal]:
    """Return, per purpose of tracking, the person's newest "no" of the last six months, unless they took it back."""
    subject = Subscriber.objects.filter(pk=subscriber_id).values_list("public_id", flat=True).first()
    if subject is None:
        return {}
    said: dict[str, dt.datetime] = {}
    records = ConsentRecord.objects.filter(subject=subject, purpose__in=ASKED).order_by("id")
    for record in records:
        if record.act in NO:
            said[record.purpose] = record.occurred_at
        elif record.is_own_grant:
            said.pop(record.purpose, None)
    today = clock.now().date()
    found = {purpose: Refusal(at, months.later(at.date(), MONTHS)) for purpose, at in said.items()}
    return {purpose: refusal for purpose, refusal in found.items() if refusal.ask_from > today}
