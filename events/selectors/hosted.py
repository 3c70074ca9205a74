"""What the hosted pages show to the reader of a mail."""

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.models import Run
from campaigns.tokens import UnsubscribeClaim
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import MailingList, Profile, Subscriber, Subscription, SubscriptionState
from subscribers.selectors import merging

KEPT = 2


@dataclass(frozen=True, slots=True)
class Reader:
    """The person behind a link, as far as a page may show them: a forwarded mail brings strangers here."""

    exists: bool
    address: str = ""
    language: str = ""
    lists: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Topic:
    """A public list and whether the reader is on it."""

    id: int
    name: str
    description: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the reader chose. `paused_until` is None where no pause holds now."""

    topics: list[Topic]
    opens_allowed: bool
    clicks_allowed: bool
    paused_until: datetime | None = None


def masked(address: str) -> str:
    """Show enough of an address to know one's own, and too little to learn another's: `ad…@e….org`."""
    local, _, domain = address.partition("@")
    name, dot, rest = domain.rpartition(".")
    return f"{local[:KEPT]}…@{name[:1]}…{dot}{rest}" if domain else "…"


def person_of(claim: UnsubscribeClaim) -> int:
    """Return the number of the person of a link today: they may have been merged into another record since."""
    return merging.current_id(claim.subscriber_id)


def reader_of(claim: UnsubscribeClaim) -> Reader:
    """Return the person of a link; `exists` is False for test mails and erased people."""
    person = None if claim.is_test else Subscriber.objects.filter(pk=person_of(claim)).first()
    if person is None:
        return Reader(exists=False)
    frozen = Run.objects.filter(pk=claim.run_id).values_list("frozen", flat=True).first() or {}
    lists = MailingList.objects.filter(pk__in=frozen.get("list_ids", []), is_public=True)
    return Reader(
        exists=True,
        address=masked(person.email),
        language=person.language,
        lists=list(lists.values_list("name", flat=True)),
    )


def preferences_of(claim: UnsubscribeClaim) -> Preferences:
    """Return the reader's lists (public ones and their own) and tracking consents."""
    person = person_of(claim)
    on = dict(Subscription.objects.filter(subscriber_id=person).values_list("mailing_list_id", "state"))
    shown = MailingList.objects.filter(archived_at=None, is_public=True) | MailingList.objects.filter(
        pk__in=[pk for pk, state in on.items() if state == SubscriptionState.CONFIRMED]
    )
    topics = [
        Topic(row.pk, row.name, row.description, on.get(row.pk) == SubscriptionState.CONFIRMED)
        for row in shown.distinct()
        if row.pk in on
    ]
    profile = Profile.objects.filter(pk=person).first()
    return Preferences(
        topics,
        opens_allowed=bool(profile and profile.opens_allowed),
        clicks_allowed=bool(profile and profile.clicks_allowed),
        paused_until=profile.paused_until if profile and _is_ahead(profile.paused_until) else None,
    )


def _is_ahead(moment: datetime | None) -> bool:
    return moment is not None and moment > clock.now()


def site_language() -> str:
    """The language of the installation, for readers whose own nobody knows."""
    return installation.get().language


def site_zone() -> ZoneInfo:
    """The installation's time zone, in which pages tell the time."""
    return ZoneInfo(installation.get().time_zone)


def local_day(moment: datetime | None) -> str:
    """Return a moment's day in the installation's zone as 2026-12-31, which every language reads."""
    return f"{moment.astimezone(site_zone()):%Y-%m-%d}" if moment else ""


def imprint() -> dict[str, str]:
    """Who stands behind the page: company, postal address and where to write to."""
    row = installation.get()
    return {
        "company": row.company,
        "postal_address": row.postal_address,
        "contact": row.reply_to or row.sender_address,
    }
