"""The suppression list of the SES account: read it, add to it, take an address off it.

It knows hard bounces and complaints only. Addresses are kept as they were written, and the management calls
want exactly that spelling, while sending does not care about case.
https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

import datetime as dt
from collections.abc import Iterator
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from .control import ControlQueueBusy, wait_turn
from .session import Connection, client

PATIENCE_SECONDS: Final = 60.0
PAGE: Final = 1000
MOST_PAGES: Final = 20


class SuppressionListUnreachable(Exception):
    """Amazon SES did not answer, or refused; the message says what it said."""


class Refused(Exception):
    """Amazon does not take the entry: an account in Amazon's own sandbox may not add any."""


class Listed(NamedTuple):
    """One entry: the address as Amazon spells it, BOUNCE or COMPLAINT, when it was put there."""

    email: str
    reason: str
    at: dt.datetime


def listed(connection: Connection, *, since: dt.datetime | None = None) -> Iterator[Listed]:
    """Yield the entries, from `since` on. Raises SuppressionListUnreachable."""
    token = ""
    while True:
        found, token = _page(connection, since, token)
        yield from found
        if not token:
            return


def find(connection: Connection, *, email: str, patience: float = PATIENCE_SECONDS) -> Listed | None:
    """Look for an address, as it is written and in small letters. Raises SuppressionListUnreachable."""
    ses = client(connection, "sesv2")
    for spelling in dict.fromkeys((email, email.lower())):
        try:
            wait_turn(connection, patience=patience)
            found = ses.get_suppressed_destination(EmailAddress=spelling)["SuppressedDestination"]
        except ses.exceptions.NotFoundException:
            continue
        except (BotoCoreError, ClientError, ControlQueueBusy) as error:
            raise SuppressionListUnreachable(str(error)) from error
        return Listed(found["EmailAddress"], found["Reason"], found["LastUpdateTime"])
    return None


def put(connection: Connection, *, email: str, reason: str) -> None:
    """Add an address; `reason` is BOUNCE or COMPLAINT. Raises Refused, SuppressionListUnreachable."""
    ses = client(connection, "sesv2")
    try:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        ses.put_suppressed_destination(EmailAddress=email, Reason=reason)
    except ses.exceptions.BadRequestException as error:
        raise Refused(str(error)) from error
    except (BotoCoreError, ClientError, ControlQueueBusy) as error:
        raise SuppressionListUnreachable(str(error)) from error


def remove(connection: Connection, *, email: str) -> int:
    """Take an address off, in whatever spelling it stands there; return how many entries went.

    Reads at most MOST_PAGES pages to find other spellings. Raises SuppressionListUnreachable.
    """
    wanted, token, gone = email.lower(), "", 0
    for _ in range(MOST_PAGES):
        found, token = _page(connection, None, token)
        for entry in found:
            if entry.email.lower() == wanted:
                gone += delete(connection, entry.email)
        if not token:
            return gone
    return gone + delete(connection, wanted)


def delete(connection: Connection, email: str) -> int:
    """Take one entry off, in exactly this spelling; return whether it stood there (0 or 1)."""
    ses = client(connection, "sesv2")
    try:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        ses.delete_suppressed_destination(EmailAddress=email)
    except ses.exceptions.NotFoundException:
        return 0
    except (BotoCoreError, ClientError, ControlQueueBusy) as error:
        raise SuppressionListUnreachable(str(error)) from error
    return 1


def _page(connection: Connection, since: dt.datetime | None, token: str) -> tuple[list[Listed], str]:
    options = {"StartDate": since} if since else {}
    if token:
        options["NextToken"] = token  # type: ignore[assignment]
    try:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        answer = client(connection, "sesv2").list_suppressed_destinations(PageSize=PAGE, **options)
    except (BotoCoreError, ClientError, ControlQueueBusy) as error:
        raise SuppressionListUnreachable(str(error)) from error
    found = [
        Listed(item["EmailAddress"], item["Reason"], item["LastUpdateTime"])
        for item in answer.get("SuppressedDestinationSummaries", [])
    ]
    return found, answer.get("NextToken") or ""
