"""Reading suppressions: a page of them, or those of one address."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailplatform.core import keys

from ..models import BlockedDomain, Subscriber, Suppression

PAGE = 50


@dataclass(frozen=True)
class Row:
    """A suppression, and the person whose address it is, where there (still) is one."""

    suppression: Suppression
    person: Subscriber | None


@dataclass(frozen=True)
class Page:
    """Some suppressions, newest first, and the number below which the next page begins."""

    rows: list[Row]
    next_before: int


def page(*, reason: str = "", before: int = 0, size: int = PAGE) -> Page:
    """Return live suppressions, newest first, by keyset (two queries)."""
    found = Suppression.objects.filter(lifted_at=None).order_by("-pk")
    if reason:
        found = found.filter(reason=reason)
    if before:
        found = found.filter(pk__lt=before)
    rows = list(found[: size + 1])
    more = len(rows) > size
    return Page(_with_people(rows[:size]), rows[size - 1].pk if more else 0)


def of_address(address: str) -> list[Row]:
    """Return every suppression of an address, lifted ones too, newest first."""
    key = keys.email_key(address)
    return _with_people(list(Suppression.objects.filter(email_key=key).order_by("-pk")))


def domain_of(address: str) -> BlockedDomain | None:
    """Return the live block of the address's domain, if any."""
    domain = address.rpartition("@")[2].lower()
    return BlockedDomain.objects.filter(domain=domain, lifted_at=None).first()


def domains() -> list[BlockedDomain]:
    """Return the domains that are blocked now."""
    return list(BlockedDomain.objects.filter(lifted_at=None).order_by("domain"))


def _with_people(rows: Sequence[Suppression]) -> list[Row]:
    found = Subscriber.objects.filter(email_key__in=[row.email_key for row in rows])
    people = {bytes(person.email_key): person for person in found}
    return [Row(row, people.get(bytes(row.email_key))) for row in rows]
