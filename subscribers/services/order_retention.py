"""How long orders are kept: a class of data of `retention`."""

import datetime as dt

from django.db import connection, transaction

from ..models import Order
from . import orders
from .retention import AT_ONCE, DataClass, Found, register


def _find_old(before: dt.datetime) -> Found:
    return Found(Order.objects.filter(ordered_at__lt=before).count())


def _forget_old(before: dt.datetime) -> int:
    ids = list(
        Order.objects.filter(ordered_at__lt=before)
        .order_by("ordered_at")
        .values_list("pk", flat=True)[:AT_ONCE]
    )
    with transaction.atomic(), connection.cursor() as cursor:
        return orders.remove(cursor, ids)


def register_orders() -> None:
    """Let orders be forgotten after a time, counted from the sale; the proof of a soft opt-in stays in the ledger."""
    register(
        DataClass(
            "orders", "Orders", "Orders and their products, counted from the sale. Consent records stay.",
            72, _find_old, _forget_old, shortest=6,
        )
    )  # fmt: skip
