"""What the hosted pages show to the reader of a mail."""

from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.urls import reverse

from campaigns.models import Run
from campaigns.selectors import brand
from campaigns.tokens import UnsubscribeClaim
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import MailingList, Profile, Purpose, Subscriber, Subscription, SubscriptionState
from subscribers.selectors import merging
from subscribers.selectors.refusals import Refusal
from subscribers.selectors.refusals import of as refusals_of

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
class Question:
    """Whether something may be recorded: the name of its box, the key of its words, whether it is ticked."""

    name: str
    purpose: str
    wording: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the reader chose. `paused_until` is None where no pause holds now, `gap_days` 0 where every mail comes.

    `refusals` name, per purpose of tracking, the "no" because of which the question is not put for now.
    """

    topics: list[Topic]
    opens_allowed: bool
    clicks_allowed: bool
    paused_until: datetime | None = None
    gap_days: int = 0
    refusals: dict[str, Refusal] = field(default_factory=dict)

    @property
    def questions(self) -> list[Question]:
        """What may be recorded, asked now: not what the reader said no to a short time ago."""
        return [each for each in self._all() if each.is_on or each.purpose not in self.refusals]

    @property
    def not_asked(self) -> list[Question]:
        """What is not asked for now; whoever changed their mind finds it all the same."""
        asked = self.questions
        return [each for each in self._all() if each not in asked]

    @property
    def ask_from(self) -> date | None:
        """The first day on which one of the others is asked again."""
        days = [self.refusals[each.purpose].ask_from for each in self.not_asked]
        return min(days, default=None)

    def _all(self) -> list[Question]:
        return [
            Question("opens", Purpose.OPENS, "opens_wording", self.opens_allowed),
            Question("clicks", Purpose.CLICKS, "clicks_wording", self.clicks_allowed),
        ]


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
        gap_days=(profile.mail_gap_days or 0) if profile else 0,
        refusals=refusals_of(person),
    )


def _is_ahead(moment: datetime | None) -> bool:
    return moment is not None and moment > clock.now()


def site_language() -> str:
    """The language of the installation, for readers whose own nobody knows."""
    return installation.get().language


def site_zone() -> ZoneInfo:
    """The installation's time zone, in which pages tell the time."""
    return ZoneInfo(installation.get().time_zone)


def local_day(moment: datetime | None, site: Installation) -> str:
    """Return a moment's day in the installation's zone as 2026-12-31, which every language reads."""
    return f"{moment.astimezone(ZoneInfo(site.time_zone)):%Y-%m-%d}" if moment else ""


def imprint(site: Installation) -> dict[str, str]:
    """Who stands behind the page: company, postal address, where to write to, and the brand's looks."""
    looks = brand.get()
    style = brand.page_css(looks)
    return {
        "logo": brand.file_path(looks.logo) if looks.logo else "",
        "logo_width": str(looks.logo_width),
        "brand_css": reverse("campaigns:brand_css", args=[style.code]) if style else "",
        "company": site.company,
        "postal_address": site.postal_address,
        "contact": site.reply_to or site.sender_address,
    }
