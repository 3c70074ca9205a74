"""People for tests, made through the same services as in the product."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from subscribers.merging.statement import Statement
from subscribers.models import MailingList, Subscriber
from subscribers.services import lists
from subscribers.services import subscribers as service

AGREED = Statement(
    basis="consent",
    source="form on the website",
    wording="Yes, send me news.",
    tracking_wording="Yes, measure what I read.",
    occurred_at=datetime(2025, 1, 1, tzinfo=UTC),
)
_numbers = count(1)


def person(email: str = "", *, agreed: bool = True, **options: Any) -> Subscriber:
    """Add a person; with consent to marketing mail unless told otherwise."""
    permission = service.Permission(
        AGREED if agreed else Statement(), options.pop("opens", False), options.pop("clicks", False)
    )
    return service.add(email=email or f"person{next(_numbers)}@example.com", permission=permission, **options)


def mailing_list(name: str = "") -> MailingList:
    """Make a mailing list."""
    return lists.create(name=name or f"List {next(_numbers)}")
