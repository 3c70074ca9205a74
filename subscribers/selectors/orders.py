"""Reading orders: of one person, for their page and for what we hold of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import money
from ..models import Order, Profile

SHOWN = 10


@dataclass(frozen=True)
class Bought:
    """What a person bought: how many orders, sums in words by currency, and the newest orders."""

    count: int
    sums: list[str]
    newest: list[dict[str, Any]]


def of(profile: Profile | None, subscriber_id: int) -> Bought | None:
    """Return what a person bought, None for nothing (no query then, else three)."""
    if profile is None or not profile.orders:
        return None
    sums = [money.words(total, currency) for currency, total in sorted((profile.spent or {}).items())]
    newest = Order.objects.filter(subscriber_id=subscriber_id).order_by("-ordered_at", "-pk")
    return Bought(profile.orders, sums, [_row(order) for order in _with_lines(newest)[:SHOWN]])


def held(subscriber_ids: list[int]) -> list[dict[str, Any]]:
    """Return every order of a person as JSON, oldest first; part of what we hold of them."""
    return [
        {
            "shop": order.source,
            "number": order.number,
            "ordered_at": order.ordered_at.isoformat(timespec="seconds"),
            "total": money.words(order.total, order.currency),
            "products": _products(order),
        }
        for order in _with_lines(
            Order.objects.filter(subscriber_id__in=subscriber_ids).order_by("ordered_at", "pk")
        )
    ]


def _with_lines(orders: Any) -> Any:
    return orders.prefetch_related("lines__product")


def _row(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "shop": order.source,
        "at": order.ordered_at,
        "total": money.words(order.total, order.currency),
        "products": ", ".join(_products(order)),
    }


def _products(order: Order) -> Sequence[str]:
    lines = sorted(order.lines.all(), key=lambda line: line.place)
    return [
        line.product.name if line.quantity == 1 else f"{line.quantity} \u00d7 {line.product.name}"
        for line in lines
    ]
