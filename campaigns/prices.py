"""What a campaign costs at Amazon, from a table of prices that an administrator keeps."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

GIGABYTE: Final = Decimal(1024**3)
THOUSAND: Final = Decimal(1000)
# Headers, and what the encoding of a mail adds to its text.
OVERHEAD_BYTES: Final = 2_000
# Amazon reports each mail at least as sent and as delivered.
EVENTS_PER_MAIL: Final = 2
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in `currency`: per 1,000 mails, per gigabyte of mail, of options per 1,000 mails, per 1,000 events."""

    currency: str
    per_thousand: Decimal
    per_gigabyte: Decimal
    options: Decimal
    per_thousand_events: Decimal


@dataclass(frozen=True, slots=True)
class Cost:
    """What something costs, part by part, unrounded."""

    currency: str
    mails: Decimal
    data: Decimal
    options: Decimal
    events: Decimal

    @property
    def total(self) -> Decimal:
        """The sum, unrounded."""
        return self.mails + self.data + self.options + self.events

    @property
    def words(self) -> str:
        """The sum to the cent; what is less than a cent is said so."""
        if 0 < self.total < _CENT:
            return f"less than 0.01 {self.currency}"
        return f"{self.total.quantize(_CENT, ROUND_HALF_UP):,} {self.currency}"

    @property
    def parts(self) -> list[tuple[str, Decimal]]:
        """What the sum is made of, without what costs nothing."""
        named = (
            ("mails", self.mails), ("data", self.data), ("options", self.options), ("events", self.events),
        )  # fmt: skip
        return [(name, amount) for name, amount in named if amount]


def cost(prices: Prices, *, mails: int, bytes_per_mail: int, events: int | None = None) -> Cost:
    """The cost of `mails` mails of a size (without headers); `events` where they are counted already."""
    number = Decimal(mails)
    known = Decimal(mails * EVENTS_PER_MAIL if events is None else events)
    return Cost(
        currency=prices.currency,
        mails=number * prices.per_thousand / THOUSAND,
        data=number * (bytes_per_mail + OVERHEAD_BYTES) * prices.per_gigabyte / GIGABYTE,
        options=number * prices.options / THOUSAND,
        events=known * prices.per_thousand_events / THOUSAND,
    )
