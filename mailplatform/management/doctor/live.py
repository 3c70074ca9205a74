"""Mails to Amazon's mailbox simulator, and the events that must come back of each.

https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator-how-to-use
They count neither against the quota nor for the reputation; the rate they use.
"""

import time
from collections.abc import Iterator
from typing import Any, Final

from campaigns.models import CallKind
from campaigns.sending import plans, single
from events.models import Event, EventType
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, limits, session
from mailplatform.aws.checkup import Finding, Level

WAIT_SECONDS: Final = 120.0
LOOK_EVERY_SECONDS: Final = 0.5
SIMULATORS: Final = {
    "success": EventType.DELIVERY,
    "bounce": EventType.BOUNCE,
    "complaint": EventType.COMPLAINT,
}


def examine(wait: float = WAIT_SECONDS) -> Iterator[Finding]:
    """Send to each simulator, then wait up to `wait` seconds for the event of each."""
    site = installation.get()
    if not site.sender_address:
        yield Finding(Level.ERROR, "Live", "there is no default sender: enter one under Settings")
        return
    sent: dict[str, str] = {}
    for name in SIMULATORS:
        try:
            sent[name] = single.send(request=_request(name, site), kind=CallKind.TEST)
        except (errors.SesError, errors.AccountUnreadableError, session.AwsConfigurationError) as error:
            yield Finding(Level.ERROR, f"Live {name}", f"was not sent: {error}")
    yield from _awaited(sent, wait)


def _awaited(sent: dict[str, str], wait: float) -> Iterator[Finding]:
    started = time.monotonic()
    while sent:
        for name, message_id in list(sent.items()):
            if Event.objects.filter(message_id=message_id, type=SIMULATORS[name]).exists():
                del sent[name]
                seconds = time.monotonic() - started
                yield Finding(
                    Level.OK, f"Live {name}", f"its {SIMULATORS[name]} came back after {seconds:.1f} s"
                )
        if time.monotonic() - started >= wait:
            break
        time.sleep(LOOK_EVERY_SECONDS)
    cure = "look at the findings on SNS, the public address and the dead letters"
    for name in sent:
        yield Finding(Level.ERROR, f"Live {name}", f"no {SIMULATORS[name]} came within {wait:.0f} s: {cure}")


def _request(name: str, site: Installation) -> dict[str, Any]:
    """Return a mail without our tags: events of tagged mails that belong to no run are not stored."""
    text = {"Data": "A mail of manage.py doctor --live to Amazon's mailbox simulator.", "Charset": "UTF-8"}
    return {
        "FromEmailAddress": limits.format_address(site.sender_name, site.sender_address),
        "Destination": {"ToAddresses": [f"{name}@simulator.amazonses.com"]},
        "Content": {"Simple": {"Subject": {"Data": "mailplatform doctor"}, "Body": {"Text": text}}},
        "ConfigurationSetName": plans.configuration_set(
            site.configuration_set_prefix, opens=False, clicks=False
        ),
    }
