"""Keep our suppressions and the suppression list of the SES account alike, both ways.

Amazon's list knows hard bounces and complaints only, so an unsubscription stays with us. It names addresses; ours are
keyed hashes, so only addresses of people whom we still know can be told to Amazon. Where the two disagree the later
word wins: what was lifted here after Amazon's entry is taken off there, in the spelling in which it stands there.
"""

import datetime as dt
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog
from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import suppression as ses_list
from mailplatform.aws.session import Connection
from mailplatform.core import keys

from ..models import Suppression, SuppressionReason
from . import suppression

log = structlog.get_logger(__name__)
SOURCE: Final = "Amazon SES account list"
CHUNK: Final = 500
# At about one call a second, so a run ends within ten minutes; the next one goes on.
MOST_CALLS: Final = 500
REASONS: Final = {"BOUNCE": SuppressionReason.BOUNCE, "COMPLAINT": SuppressionReason.COMPLAINT}
_WORDS: Final = {str(ours): theirs for theirs, ours in REASONS.items()}

_MISSING_THERE: Final = """
    SELECT s.email, x.reason FROM subscribers_suppression x
    JOIN subscribers_subscriber s ON s.email_key = x.email_key
    WHERE x.lifted_at IS NULL AND x.reason IN ('bounce', 'complaint') ORDER BY x.id
"""


@dataclass
class Synced:
    """What a run did: suppressions learnt, addresses told to Amazon, entries taken off there."""

    read: int = 0
    learnt: int = 0
    told: int = 0
    taken_off: int = 0


def sync(*, actor: User | None = None) -> Synced:
    """Compare the lists and bring both up to date. Safe to run twice, or to be killed in between.

    Raises SuppressionListUnreachable; what was done until then stays.
    """
    there = installation.aws_connection()
    done, known = Synced(), set[bytes]()
    entries = ses_list.listed(there)
    while chunk := list(islice(entries, CHUNK)):
        _take(there, chunk, done)
        known |= {keys.email_key(entry.email) for entry in chunk}
    _tell(there, known, done)
    if done.learnt or done.told or done.taken_off or actor:
        audit.record(
            actor=actor, action="suppression.synced",
            detail={"read": done.read, "learnt": done.learnt, "told": done.told, "taken_off": done.taken_off},
        )  # fmt: skip
    return done


def _take(there: Connection, chunk: list[ses_list.Listed], done: Synced) -> None:
    """Learn what Amazon knows, except what was lifted here since: that is taken off there."""
    by_key = {keys.email_key(entry.email): entry for entry in chunk if entry.reason in REASONS}
    lifted = _lifted(list(by_key))
    ours = [
        key for key, entry in by_key.items() if lifted.get((key, REASONS[entry.reason]), entry.at) > entry.at
    ]
    rows = [
        suppression.KeyRow(key, REASONS[entry.reason], SOURCE, "", entry.at)
        for key, entry in by_key.items() if key not in ours
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        done.learnt += suppression.suppress_keys(cursor, rows)
    for key in ours[:MOST_CALLS]:
        done.taken_off += ses_list.delete(there, by_key[key].email)
    done.read += len(chunk)


def _lifted(email_keys: list[bytes]) -> dict[tuple[bytes, str], dt.datetime]:
    """Return when these suppressions were last lifted, where none is live."""
    rows = Suppression.objects.filter(email_key__in=email_keys, reason__in=list(_WORDS))
    found: dict[tuple[bytes, str], dt.datetime] = {}
    live = set()
    for key, reason, at in rows.order_by("lifted_at").values_list("email_key", "reason", "lifted_at"):
        if at is None:
            live.add((bytes(key), reason))
        else:
            found[(bytes(key), reason)] = at
    return {pair: at for pair, at in found.items() if pair not in live}


def _tell(there: Connection, known: set[bytes], done: Synced) -> None:
    """Put on Amazon's list what only we know, as far as we still know the address."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING_THERE)
        missing = [
            (email, reason) for email, reason in cursor.fetchall() if keys.email_key(email) not in known
        ]
    for email, reason in missing[:MOST_CALLS]:
        try:
            ses_list.put(there, email=email, reason=_WORDS[reason])
        except ses_list.Refused as error:
            log.warning("suppression_not_told", error=str(error))
            return
        done.told += 1
