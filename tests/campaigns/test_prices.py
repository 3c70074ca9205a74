"""What a campaign costs, to the cent."""

from decimal import Decimal

import pytest

from campaigns.prices import OVERHEAD_BYTES, Prices, cost

LIST = Prices("USD", Decimal("0.10"), Decimal("0.12"), Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("mails", "size", "words"),
    [
        (0, 50_000, "0.00 USD"),
        (1, 50_000, "less than 0.01 USD"),
        (1_000, 0, "0.10 USD"),
        (48_210, 50_000, "5.10 USD"),
        (1_000_000, 50_000, "105.81 USD"),
        (50_000_000, 0, "5,011.18 USD"),
    ],
)
def test_the_sum_in_words(mails: int, size: int, words: str) -> None:
    assert cost(LIST, mails=mails, bytes_per_mail=size).words == words


def test_every_part_is_counted_and_known_events_are_taken() -> None:
    table = Prices("EUR", Decimal(1), Decimal(0), Decimal("0.5"), Decimal("0.25"))
    assert cost(table, mails=1_000, bytes_per_mail=0).parts == [
        ("mails", Decimal(1)),
        ("options", Decimal("0.5")),
        ("events", Decimal("0.5")),
    ]
    assert cost(table, mails=1_000, bytes_per_mail=0, events=8_000).total == Decimal("3.5")


def test_headers_have_a_size_too() -> None:
    table = Prices("USD", Decimal(0), Decimal(1024**3), Decimal(0), Decimal(0))
    assert cost(table, mails=2, bytes_per_mail=10).total == 2 * (10 + OVERHEAD_BYTES)
