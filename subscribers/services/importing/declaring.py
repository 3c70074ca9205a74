"""Somebody says what the columns mean and what follows from it; the dry run comes next."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock

from ... import money
from ...importing import columns as mapping
from ...importing import order_columns
from ...importing.columns import Column
from ...merging import policy, suppressing
from ...merging.order_acts import SoftOptIn
from ...merging.statement import Statement, check_soft_opt_in, check_statement
from ...models import ImportJob, ImportKind, ImportState, MailingList
from .errors import OPEN_STATES, ImportStateError

MAX_SHOP = 60


def declare(
    *,
    job: ImportJob,
    columns: Sequence[Column],
    statement: Statement,
    mailing_list: MailingList | None = None,
    create_segments: Sequence[str] = (),
    existing: str = policy.OVERWRITE,
    actor: User | None = None,
) -> ImportJob:
    """Fix what the columns mean and on what basis the people may be written to; the dry run comes next.

    ``existing`` is what becomes of the data of people we know, see `merging.policy`.
    ``create_segments`` are keys of choice fields that get one segment per value. Raises MappingError or
    StatementError with words for the person, ImportStateError when the import is running or over.
    """
    mapping.check_mapping(columns)
    targets = {column.target for column in columns}
    check_statement(statement, targets, now=clock.now())
    keys = {column.field_key for column in columns if column.type == "choice"}
    if existing not in policy.POLICIES:
        raise ValueError(existing)
    options = {
        "statement": statement.to_json(),
        "existing": existing,
        "create_segments": [key for key in create_segments if key in keys],
    }
    return _declared(
        job, actor, {"basis": statement.basis}, columns=columns, options=options, mailing_list=mailing_list
    )


def declare_suppression(
    *,
    job: ImportJob,
    column: int,
    reason: str,
    reason_column: int | None = None,
    detail: str = "",
    actor: User | None = None,
) -> ImportJob:
    """Fix which column holds the addresses (or keyed hashes) of people who must get no mail, and why.

    ``reason_column`` (None for none) wins for its row. Raises MappingError, or ImportStateError.
    """
    width = len(job.mapping["columns"])
    chosen = -1 if reason_column is None else reason_column
    if not 0 <= column < width or not -1 <= chosen < width:
        raise mapping.MappingError("Choose the column that holds the addresses.")
    if reason not in suppressing.REASONS:
        raise mapping.MappingError("Say why these people must get no mail.")
    options = {"column": column, "reason": reason, "reason_column": chosen, "detail": detail[:500]}
    return _declared(job, actor, {"suppress": reason}, kind=ImportKind.SUPPRESSION, options=options)


def declare_orders(
    *,
    job: ImportJob,
    columns: Sequence[Column],
    shop: str,
    currency: str = "",
    soft_opt_in: SoftOptIn | None = None,
    actor: User | None = None,
) -> ImportJob:
    """Fix what the columns of a file of orders mean, which shop they come from, and whether they are a basis to write.

    ``shop`` and the number name an order for good. ``currency`` counts where a row names none. Dates without a zone
    are in that of the installation. Raises MappingError, StatementError or ImportStateError.
    """
    name = " ".join(shop.split())
    if not name or len(name) > MAX_SHOP:
        raise mapping.MappingError(
            f"Name the shop that the orders come from, in up to {MAX_SHOP} characters."
        )
    if currency and currency not in money.DECIMALS:
        raise mapping.MappingError(f"“{currency}” is not a currency such as EUR.")
    order_columns.check_mapping(columns, currency=currency)
    if soft_opt_in:
        check_soft_opt_in(
            similar=soft_opt_in.similar,
            opt_out=soft_opt_in.opt_out,
            has_wording=bool(soft_opt_in.wording.strip()),
            has_place=bool(soft_opt_in.where.strip()),
        )
    options = {
        "shop": name,
        "currency": currency,
        "zone": installation.get().time_zone,
        "soft_opt_in": soft_opt_in.to_json() if soft_opt_in else None,
    }
    detail = {"shop": name, "soft_opt_in": soft_opt_in is not None}
    return _declared(job, actor, detail, kind=ImportKind.ORDERS, columns=columns, options=options)


def _declared(
    job: ImportJob,
    actor: User | None,
    detail: dict[str, Any],
    *,
    options: dict[str, Any],
    kind: str = ImportKind.PEOPLE,
    columns: Sequence[Column] = (),
    **values: Any,
) -> ImportJob:
    """Store a declaration and set the import to be checked. Raises ImportStateError."""
    if columns:
        values["mapping"] = {**job.mapping, "columns": mapping.to_json(columns)}
    with transaction.atomic():
        changed = ImportJob.objects.filter(pk=job.pk, kind=kind, state__in=OPEN_STATES).update(
            options=options, state=ImportState.CHECKING, error="", **values
        )
        if not changed:
            raise ImportStateError
        audit.record(actor=actor, action="import.declared", obj=job, detail=detail)
    job.refresh_from_db()
    return job
