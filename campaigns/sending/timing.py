"""The times that hold the sender together."""

import datetime as dt
from typing import Final

# A batch belongs to one worker for this long after its last cut.
BATCH_LEASE: Final = dt.timedelta(seconds=120)
# Longer than connecting and reading may take (35 s), so that a living worker records before recovery comes.
CALL_LEASE: Final = dt.timedelta(seconds=60)
# One drain per run: beat starts another when this ran out.
DRAIN_LEASE: Final = dt.timedelta(seconds=45)
# Nothing is written to the socket this long after the person's eligibility was read.
CHECK_TO_SOCKET_S: Final = 2.0
# SigV4 is refused when the clock is minutes off; we stop long before.
MAX_CLOCK_SKEW: Final = dt.timedelta(seconds=60)
# A task's share: Celery starts and supervises, it does not run the campaign.
DRAIN_S: Final = 240.0
# What proves nothing about the person but that SES was busy.
BUSY_RETRY: Final = dt.timedelta(seconds=1)
# Waits before the second, third, ... attempt at a person.
RETRY_WAITS: Final = (dt.timedelta(seconds=10), dt.timedelta(seconds=30), dt.timedelta(seconds=90))
MAX_ATTEMPTS: Final = len(RETRY_WAITS) + 1
# SES's advice for the daily quota: wait up to ten minutes and try again.
QUOTA_PARK: Final = dt.timedelta(minutes=10)
QUOTA_REFRESH: Final = dt.timedelta(seconds=60)
