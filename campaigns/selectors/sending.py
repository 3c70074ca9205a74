"""Which runs want a worker."""

import datetime as dt
from typing import Final

from django.db.models import Q

from mailplatform.core import clock

from ..models import Run, RunState

# A launch prepares its run at once; only one that was left is taken up again.
PREPARE_AFTER: Final = dt.timedelta(seconds=30)


def runs_to_prepare() -> list[int]:
    """Runs that were launched a while ago and are still preparing."""
    since = clock.now() - PREPARE_AFTER
    found = Run.objects.filter(state=RunState.PREPARING, launched_at__lt=since)
    return list(found.order_by("pk").values_list("pk", flat=True))


def runs_without_drain() -> list[int]:
    """Sending runs on which no living worker works."""
    free = Q(drain_lease_until=None) | Q(drain_lease_until__lt=clock.now())
    found = Run.objects.filter(free, state=RunState.SENDING)
    return list(found.order_by("pk").values_list("pk", flat=True))
