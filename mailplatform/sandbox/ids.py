"""Version 4 UUIDs, thousands a second: a call to the system's generator costs more than signing allows.

They are names, never secrets; confirmation tokens come from ``secrets``.
"""

import random
import uuid

_source = random.Random()  # noqa: S311 - seeded by the system; see above


def new_uuid() -> str:
    """A random UUID."""
    return str(uuid.UUID(int=_source.getrandbits(128), version=4))
