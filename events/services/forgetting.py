"""Dead letters of people who were erased: the bytes of a message name its recipient, and the erasure cannot reach them.

Erasure is in `subscribers`, which knows nothing of events. What it leaves is the keyed hash of the address, and by that
the letters are found here, a little later.
"""

import re
from typing import Final

from events.models import DeadLetter
from mailplatform.core import keys
from subscribers.models import Suppression, SuppressionReason

CHUNK: Final = 500
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")


def forget_erased() -> int:
    """Delete the dead letters that name somebody who was erased; return how many."""
    letters = DeadLetter.objects.filter(replayed_at=None).order_by("pk")
    forgotten, last = 0, 0
    while chunk := list(letters.filter(pk__gt=last).values_list("pk", "body")[:CHUNK]):
        named = {pk: _keys(bytes(body)) for pk, body in chunk}
        wanted = set().union(*named.values())
        live = Suppression.objects.filter(
            reason=SuppressionReason.ERASED, lifted_at=None, email_key__in=wanted
        )
        erased = {bytes(key) for key in live.values_list("email_key", flat=True)}
        found = [pk for pk, names in named.items() if names & erased]
        forgotten += DeadLetter.objects.filter(pk__in=found).delete()[0]
        last = chunk[-1][0]
    return forgotten


def _keys(body: bytes) -> set[bytes]:
    text = body.decode("utf-8", errors="replace")
    return {keys.email_key(address.rstrip(".")) for address in set(_ADDRESS.findall(text))}
