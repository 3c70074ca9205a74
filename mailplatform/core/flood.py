"""Holding back whoever asks for what is refused, again and again. Pure; the clock is given.

Only addresses that never posted anything genuine lately are held back: behind a proxy that hides addresses, SNS and a
stranger look the same, and an event that is refused here would come late.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BAD_POSTS: Final = 60  # within a window
WINDOW_S: Final = 60.0
TRUSTED_S: Final = 3_600.0
ADDRESSES: Final = 10_000


@dataclass(slots=True)
class _Record:
    since: float
    bad: int = 0
    believed_at: float = -TRUSTED_S


class Flood:
    """Counts bad posts per address; remembers the newest `ADDRESSES` only."""

    def __init__(self, now: Callable[[], float], *, limit: int = BAD_POSTS) -> None:
        self._now, self._limit = now, limit
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def is_held_back(self, address: str) -> bool:
        """Tell whether posts of this address should not even be read now."""
        record = self._records.get(address)
        if record is None or record.bad < self._limit:
            return False
        now = self._now()
        return now - record.since < WINDOW_S and now - record.believed_at >= TRUSTED_S

    def refused(self, address: str) -> None:
        """Note a post that was not to be believed."""
        record, now = self._record(address), self._now()
        if now - record.since >= WINDOW_S:
            record.since, record.bad = now, 0
        record.bad += 1

    def believed(self, address: str) -> None:
        """Note a genuine post."""
        self._record(address).believed_at = self._now()

    def _record(self, address: str) -> _Record:
        record = self._records.get(address)
        if record is None:
            record = self._records[address] = _Record(self._now())
            if len(self._records) > ADDRESSES:
                self._records.popitem(last=False)
        else:
            self._records.move_to_end(address)
        return record


def network_of(address: str) -> str:
    """Return what one stranger has for themselves: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False).network_address)
    return str(ip)
