"""Taking in a dead letter after its cause was mended."""

import orjson
from django.db import transaction

from events import envelope, ingest
from events.models import DeadLetter
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock


class CannotReplay(Exception):
    """The message still cannot be taken in; the text says why."""


def replay(*, dead_letter_id: int, actor: User | None = None) -> DeadLetter:
    """Take in the message of a dead letter once more. Raises `CannotReplay`; a replayed one is left alone.

    Its signature was verified before it was stored, so it is not asked for again: the certificate may have expired.
    Events that were stored meanwhile are recognised by their identity and count once.
    """
    with transaction.atomic():
        letter = DeadLetter.objects.select_for_update().get(pk=dead_letter_id)
        if letter.replayed_at is not None:
            return letter
        error = _take_in(bytes(letter.body))
        letter.replay_error = error[:300]
        if not error:
            # What was taken in is stored as far as it may be; the bytes hold more about the person than that.
            letter.replayed_at, letter.body = clock.now(), b""
        letter.save(update_fields=["replay_error", "replayed_at", "body"])
        audit.record(
            actor=actor, action="dead_letter.replayed", obj=letter, detail={"error": letter.replay_error}
        )
    if error:
        raise CannotReplay(error)
    return letter


def _take_in(body: bytes) -> str:
    try:
        fields = envelope.read_fields(body)
        message = envelope.message_of(fields, envelope.parse_time(fields["Timestamp"]))
        if message.type != "Notification":
            return (
                "This message is about the subscription itself; make the subscription again in the settings."
            )
        ingest.take_in([ingest.Inbound(message, body, is_replay=True)])
    except (envelope.Refused, ingest.Undigestible, ingest.DatabaseDown, orjson.JSONDecodeError) as error:
        return str(error) or type(error).__name__
    return ""
