"""What the profile says of one person, and whether marketing mail may go to them."""

from dataclasses import dataclass

from django.db import connection

from ..models import Profile, Subscriber
from .eligibility import reason_sql


@dataclass(frozen=True)
class ProfileFacts:
    """A person's profile (None when missing) and the reason code that keeps marketing mail back ('' for none)."""

    profile: Profile | None
    reason: str


def of(subscriber: Subscriber) -> ProfileFacts:
    """Return the profile of a person and the answer of the eligibility rules (two queries)."""
    sql = f"""
        SELECT {reason_sql("marketing")} FROM subscribers_subscriber s
        LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id WHERE s.id = %s
    """  # noqa: S608 - made of our own fragments
    with connection.cursor() as cursor:
        cursor.execute(sql, [subscriber.pk])
        row = cursor.fetchone()
    return ProfileFacts(Profile.objects.filter(pk=subscriber.pk).first(), row[0] if row else "erased")
