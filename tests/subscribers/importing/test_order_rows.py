from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from subscribers.importing.columns import Column
from subscribers.importing.order_rows import OrderReader, OrderRow
from subscribers.importing.records import Record

TARGETS = (
    "order", "email", "date", "currency", "total", "amount", "quantity", "product", "status", "cancelled",
)  # fmt: skip
GOOD = {"order": "1", "email": "Ann@Example.com", "date": "2025-07-01 12:00", "amount": "5.00"}


def reader(*, price: bool = False) -> OrderReader:
    targets = [("price" if price and target == "amount" else target) for target in TARGETS]
    columns = [Column(target.title(), target) for target in targets]
    return OrderReader(
        columns, currency="EUR", zone=ZoneInfo("Europe/Berlin"), now=datetime(2026, 1, 1, tzinfo=UTC)
    )


def record(problem: str = "", **cells: Any) -> Record:
    return Record(2, [cells.get(target, "") for target in TARGETS], problem)


def read(**cells: Any) -> OrderRow:
    return reader().read(record(**{**GOOD, **cells}))


def test_a_row_says_what_it_says() -> None:
    row = read(quantity="2.00", product="  Green   tea ", status="wc-completed", total="7,50 €")
    assert row == OrderRow(
        2, "1", "ann@example.com", datetime(2025, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")), "EUR", 750, 500, 2,
        "Green tea",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-07-01", datetime(2025, 6, 30, 22, tzinfo=UTC)),
        ("01.07.2025 12:00", datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("2025-07-01 12:00:00 -0400", datetime(2025, 7, 1, 16, tzinfo=UTC)),
        ("2025-07-01T12:00:00Z", datetime(2025, 7, 1, 12, tzinfo=UTC)),
        ("2025-10-26 02:30", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),  # twice that night; the first counts
        ("2025-03-30 02:30", datetime(2025, 3, 30, 1, 30, tzinfo=UTC)),  # never that night
    ],
)
def test_dates_without_a_zone_are_those_of_the_installation(text: str, moment: datetime) -> None:
    found = read(date=text).ordered_at
    assert found is not None
    assert found.astimezone(UTC) == moment


def test_later_rows_of_an_order_go_on_in_its_currency() -> None:
    rows = reader()
    yen = {**GOOD, "amount": "500", "currency": "JPY"}
    assert rows.read(record(**yen)).currency == "JPY"
    assert rows.read(record(order="1", amount="7")).amount == 7
    assert rows.read(record(order="2", amount="7")).amount == 700


def test_a_price_counts_for_each_piece() -> None:
    assert reader(price=True).read(record(**GOOD, quantity="3")).amount == 1500
    dear = {**GOOD, "amount": "999999999999", "quantity": "1000000"}
    assert "more than any order" in reader(price=True).read(record(**dear)).problem


def test_what_postgres_cannot_hold_is_taken_out() -> None:
    row = read(order="1\x00", product="Te\x00a\ud800", amount="x\x00")
    assert (row.number, row.product, row.problem) == ("1", "Tea", "Amount: “x” is not an amount")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"quantity": "0"}, "Quantity: “0” is not a number of pieces"),
        ({"quantity": "1.5"}, "not a number of pieces"),
        ({"quantity": "-1"}, "not a number of pieces"),
        ({"status": "Cancelled"}, "was cancelled"),
        ({"status": "on-hold"}, "is not paid yet"),
        ({"status": "wc-refunded"}, "was paid back"),
        ({"status": "unheard of"}, "no status of an order"),
        ({"cancelled": "2025-07-02"}, "was cancelled"),
        ({"currency": "EURO"}, "not a currency"),
        ({"email": "nobody"}, "Email: "),
        ({"problem": "the row has 3 cells"}, "the row has 3 cells"),
    ],
)
def test_a_row_that_is_no_sale_says_why(cells: dict[str, Any], words: str) -> None:
    assert words in read(**cells).problem


@pytest.mark.parametrize("cells", [{"cancelled": "no"}, {"status": "Paid"}, {"status": "partially_refunded"}])
def test_a_row_that_is_a_sale(cells: dict[str, Any]) -> None:
    assert read(**cells).problem == ""


def test_a_row_that_is_too_short_still_belongs_to_its_order() -> None:
    row = reader().read(Record(9, ["17"], "the row has 1 of 10 cells"))
    assert (row.number, row.problem) == ("17", "the row has 1 of 10 cells")
    assert reader().read(Record(9, [], "")).problem == "the row names no order"
