"""Our own figures for the CloudWatch dashboard, each minute, where provisioning made one."""

from typing import Final

import structlog

from mailplatform.accounts.services import installation
from mailplatform.aws import own_metrics
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.steps import AwsCallError
from mailplatform.core import metrics

log = structlog.get_logger(__name__)
# What the dashboard calls them, and what they are called here.
FIGURES: Final = {
    "WaitingToBeSent": "mailplatform_recipients_waiting",
    "Unresolved": "mailplatform_recipients_unresolved",
    "EventLagSeconds": "mailplatform_event_lag_seconds",
    "DeadLetters": "mailplatform_dead_letters",
}


def report() -> dict[str, float]:
    """Report the figures that there are; returns them. What Amazon refuses is logged: the next minute has new ones."""
    row = installation.get()
    if "monitoring" in row.provisioning.get("without", ["monitoring"]):
        return {}
    connection = installation.aws_connection()
    if not Amazon(connection).answers("cloudwatch"):
        return {}
    read = metrics.worst(*FIGURES.values())
    found = {name: read[source] for name, source in FIGURES.items() if source in read}
    try:
        own_metrics.put(connection, row.configuration_set_prefix, found)
    except AwsCallError as error:
        log.warning("figures.not_reported", error=str(error))
    return found
