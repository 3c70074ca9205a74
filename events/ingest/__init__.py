"""Taking in what SNS brings: one transaction for dedupe and all immediate effects.

The order of locks is the same for every writer: inbox, suppressions, profiles, links, events, outcomes,
counters; and inside each table by key. So several writers wait for each other and do not deadlock.
"""

from .reading import Inbound, Undigestible
from .taking import bury, take_in
from .trying import DatabaseDown

__all__ = ["DatabaseDown", "Inbound", "Undigestible", "bury", "take_in"]
