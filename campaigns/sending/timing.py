"""The times that hold the sender together.

In a trial against the sandbox all leases, fences and waits are multiplied by `settings.SENDING_TIME_SCALE` (at most 1,
refused anywhere else), but never below a value that a busy machine can still keep. Their order stays: reading an
answer < call lease < the age at which a signature is refused < the fence.
"""

import datetime as dt
from typing import Final

from django.conf import settings


def scaled(seconds: float, *, least: float) -> float:
    """Seconds times the scale of a trial, but not below `least`."""
    return max(min(seconds, least), seconds * settings.SENDING_TIME_SCALE)


def _delta(seconds: float, *, least: float) -> dt.timedelta:
    return dt.timedelta(seconds=scaled(seconds, least=least))


# For one call to SES.
CONNECT_TIMEOUT_S: Final = scaled(5.0, least=0.5)
READ_TIMEOUT_S: Final = scaled(30.0, least=3.0)
# A batch belongs to one worker for this long after its last cut.
BATCH_LEASE: Final = _delta(120, least=8.0)
# Longer than connecting and reading may take (35 s, all mails of a call to an SMTP server together), so that a living
# worker records before recovery comes.
CALL_LEASE: Final = _delta(60, least=5.0)
# A drain that did not renew this is gone, and beat starts another.
DRAIN_LEASE: Final = _delta(45, least=2.5)
# Neither silence nor a person decides about an unresolved delivery before its call's lease plus this: whoever was
# frozen with a signed request in hand has woken up, and the signature is long refused.
DECISION_FENCE: Final = _delta(30 * 60, least=15.0)
# Silence alone decides later: SNS tries an event for an hour at the most (`aws/sns.py`), and only then puts it where we
# can see that it waits. In a trial a busy endpoint alone takes half a minute.
SILENCE_FENCE: Final = _delta(75 * 60, least=30.0)
# Silence is proof only where so many deliveries before the call, and as many after it, are completely told of.
PROOF_DELIVERIES: Final = int(scaled(10_000, least=200))
# Nothing is written to the socket this long after the person's eligibility was read. A promise, hence not scaled.
CHECK_TO_SOCKET_S: Final = 2.0
# SigV4 is refused when the clock is minutes off; we stop long before.
MAX_CLOCK_SKEW: Final = _delta(60, least=3.0)
# A task's share: Celery starts and supervises, it does not run the campaign.
DRAIN_S: Final = scaled(240.0, least=6.0)
# A launch prepares its run at once; only one that was left so long is taken up again.
PREPARE_AFTER: Final = _delta(30, least=3.0)
# What proves nothing about the person but that SES was busy.
BUSY_RETRY: Final = _delta(1, least=0.3)
# Waits before the second, third, ... attempt at a person.
RETRY_WAITS: Final = (_delta(10, least=0.5), _delta(30, least=1.0), _delta(90, least=2.0))
MAX_ATTEMPTS: Final = len(RETRY_WAITS) + 1
# The longest pause between two calls while SES does not answer.
LONGEST_WAIT_S: Final = scaled(15.0, least=1.0)
# SES's advice for the daily quota: wait up to ten minutes and try again.
QUOTA_PARK: Final = _delta(10 * 60, least=3.0)
QUOTA_REFRESH: Final = _delta(60, least=2.0)
