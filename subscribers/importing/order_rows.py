"""From a row of a file of orders to what it says, or to the reason why not: no I/O in here.

An order of several products stands in several rows. Exports name the person, the date and the total in the first of
them only, so an empty cell is no fault of a row; what the whole order lacks is found when its rows are put together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from ..money import MOST, AmountRefusedError, read_amount, read_currency
from .addresses import AddressRefusedError, normalise_email
from .cells import Cell, as_text, clean_text
from .columns import Column
from .records import Record
from .values import NO, ValueRefusedError, read_moment

MAX_NUMBER: Final = 100
MAX_PRODUCT: Final = 300
MAX_QUANTITY: Final = 1_000_000
_CLOCK_SLACK: Final = timedelta(minutes=5)
# Of Shopify (financial and fulfilment status) and WooCommerce, whose export may put "wc-" before.
_SOLD: Final = frozenset(
    {"paid", "completed", "complete", "processing", "fulfilled", "shipped", "delivered", "authorized",
     "partially_paid", "partially_refunded", "partially_fulfilled", "closed"}
)  # fmt: skip
_NOT_SOLD: Final = {
    **dict.fromkeys(("cancelled", "canceled", "voided", "trash"), "was cancelled"),
    "refunded": "was paid back",
    "failed": "failed",
    **dict.fromkeys(("pending", "on_hold", "draft", "checkout_draft", "pending_payment", "unpaid", "expired"),
                    "is not paid yet"),
}  # fmt: skip


@dataclass(slots=True)
class OrderRow:
    """What one row says; empty, None or 0 where its cell is. `problem` is why it must be refused."""

    line: int
    number: str = ""
    email: str = ""
    ordered_at: datetime | None = None
    currency: str = ""
    total: int | None = None
    amount: int | None = None
    quantity: int = 1
    product: str = ""
    problem: str = ""


class OrderReader:
    """Turns records into rows of orders by one mapping, in the order of the file."""

    def __init__(self, columns: Sequence[Column], *, currency: str, zone: tzinfo, now: datetime) -> None:
        """Remember the mapping. `currency` counts where a row names none; a date without a zone is in `zone`."""
        self._places = {column.target: index for index, column in enumerate(columns) if column.target}
        self._names = [column.name for column in columns]
        self._currency = currency
        self._zone = zone
        self._latest = now + _CLOCK_SLACK
        self._last = OrderRow(0)
        self._steps: tuple[tuple[str, Callable[[OrderRow, str], None]], ...] = (
            ("email", self._set_email),
            ("date", self._set_date),
            ("currency", self._set_currency),
            ("quantity", self._set_quantity),
            ("product", self._set_product),
            ("status", self._check_status),
            ("cancelled", self._check_cancelled),
            ("total", self._set_total),
            ("amount", self._set_amount),
            ("price", self._set_price),
        )

    def read(self, record: Record) -> OrderRow:
        """Return what the row says, or its problem; a row without a number belongs to no order at all."""
        row = OrderRow(record.line, problem=record.problem)
        try:
            row.number = self._number(record.cells)
        except ValueRefusedError as error:
            row.problem = row.problem or str(error)
        if not row.problem:
            self._fill(row, record.cells)
        self._last = row
        return row

    def _number(self, cells: Sequence[Cell]) -> str:
        number = clean_text(self._cell(cells, "order"))
        if not number:
            raise ValueRefusedError("the row names no order")
        if len(number) > MAX_NUMBER:
            raise ValueRefusedError(f"the number of the order is longer than {MAX_NUMBER} characters")
        return number

    def _fill(self, row: OrderRow, cells: Sequence[Cell]) -> None:
        row.currency = self._last.currency if self._last.number == row.number else self._currency
        for target, step in self._steps:
            text = clean_text(self._cell(cells, target))
            if text:
                try:
                    step(row, text)
                except (ValueRefusedError, AmountRefusedError, AddressRefusedError) as error:
                    row.problem = f"{self._names[self._places[target]]}: {error}"
                    return

    def _cell(self, cells: Sequence[Cell], target: str) -> str:
        place = self._places.get(target, -1)
        return as_text(cells[place]) if 0 <= place < len(cells) else ""

    def _set_email(self, row: OrderRow, text: str) -> None:
        row.email = normalise_email(text)

    def _set_date(self, row: OrderRow, text: str) -> None:
        row.ordered_at = read_moment(text, self._zone)
        if row.ordered_at > self._latest:
            raise ValueRefusedError("the date of the order lies in the future")

    def _set_currency(self, row: OrderRow, text: str) -> None:
        row.currency = read_currency(text)

    def _set_quantity(self, row: OrderRow, text: str) -> None:
        whole, _, rest = text.partition(".")
        if (
            not (whole.isascii() and whole.isdecimal())
            or rest.strip("0")
            or not 0 < int(whole) <= MAX_QUANTITY
        ):
            raise ValueRefusedError(f"“{text[:40]}” is not a number of pieces")
        row.quantity = int(whole)

    def _set_product(self, row: OrderRow, text: str) -> None:
        row.product = " ".join(clean_text(text).split())
        if len(row.product) > MAX_PRODUCT:
            raise ValueRefusedError(f"the name is longer than {MAX_PRODUCT} characters")

    def _check_status(self, _: OrderRow, text: str) -> None:
        word = text.lower().removeprefix("wc-").replace(" ", "_").replace("-", "_")
        if word in _NOT_SOLD:
            raise ValueRefusedError(f"the file says that this order {_NOT_SOLD[word]}")
        if word not in _SOLD:
            raise ValueRefusedError(f"“{text[:40]}” is no status of an order that is known here")

    def _check_cancelled(self, _: OrderRow, text: str) -> None:
        if text.lower() not in NO:
            raise ValueRefusedError("the file says that this order was cancelled")

    def _set_total(self, row: OrderRow, text: str) -> None:
        row.total = self._money(row, text)

    def _set_amount(self, row: OrderRow, text: str) -> None:
        row.amount = self._money(row, text)

    def _set_price(self, row: OrderRow, text: str) -> None:
        row.amount = self._money(row, text) * row.quantity
        if row.amount >= MOST:
            raise AmountRefusedError(f"{row.quantity:,} of these are more than any order")

    def _money(self, row: OrderRow, text: str) -> int:
        if not row.currency:
            raise AmountRefusedError("the row names no currency")
        return read_amount(text, row.currency)
