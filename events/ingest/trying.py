"""Storing a group in one transaction: tried again on a deadlock, parted where one of it cannot be stored at all."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg
import structlog
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)

log = structlog.get_logger(__name__)
ATTEMPTS: Final = 3
Item = TypeVar("Item")
Transact = Callable[[Sequence[Item]], None]
GiveUp = Callable[[Item, str], None]


class DatabaseDown(Exception):
    """Nothing can be stored now; it should be tried again later."""


def in_parts(group: Sequence[Item], transact: Transact[Item], give_up: GiveUp[Item]) -> int:
    """Run `transact` over `group`; return how many went to `give_up`, with the reason. Raises `DatabaseDown`."""
    try:
        _again(group, transact)
    except (DataError, IntegrityError) as error:
        return _parted(group, transact, give_up, _reason(error))
    except (OperationalError, InterfaceError) as error:
        raise DatabaseDown(str(error)) from error
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None):  # a missing table or right is no message's fault
            raise DatabaseDown(str(error)) from error
        return _parted(group, transact, give_up, _reason(error))
    except DatabaseError as error:
        raise DatabaseDown(str(error)) from error
    except Exception as error:
        log.exception("ingest_failed", messages=len(group))
        return _parted(group, transact, give_up, f"{type(error).__name__}: {error}")
    return 0


def _again(group: Sequence[Item], transact: Transact[Item]) -> None:
    for attempt in range(ATTEMPTS):
        try:
            transact(group)
        except OperationalError as error:
            cause = error.__cause__
            passing = isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)
            broken = not passing and not connection.in_atomic_block and not connection.is_usable()
            if broken:
                connection.close()
            if attempt + 1 == ATTEMPTS or not (passing or broken):
                raise
        else:
            return


def _parted(group: Sequence[Item], transact: Transact[Item], give_up: GiveUp[Item], reason: str) -> int:
    if len(group) == 1:
        give_up(group[0], reason)
        return 1
    middle = len(group) // 2
    return in_parts(group[:middle], transact, give_up) + in_parts(group[middle:], transact, give_up)


def _reason(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return "no partition holds the time of this message" if "no partition of relation" in text else text
