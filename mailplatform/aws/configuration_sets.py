"""The four configuration sets: which of opens and clicks SES tracks is a property of the set, not of the mail.

SES tracks whatever an event destination of the set asks for, so `none` must not even name OPEN or CLICK.
https://docs.aws.amazon.com/ses/latest/dg/configuration-sets.html
"""

import time
from typing import Any, Final

from .control import wait_turn
from .session import Connection, client
from .steps import Outcome, Report

DESTINATION: Final = "mailplatform-events"
SUPPRESSED_REASONS: Final = ["BOUNCE", "COMPLAINT"]
TRACKED: Final = {
    "none": frozenset[str](),
    "opens": frozenset({"OPEN"}),
    "clicks": frozenset({"CLICK"}),
    "both": frozenset({"OPEN", "CLICK"}),
}
ALWAYS: Final = frozenset(
    {
        "SEND",
        "REJECT",
        "BOUNCE",
        "COMPLAINT",
        "DELIVERY",
        "RENDERING_FAILURE",
        "DELIVERY_DELAY",
        "SUBSCRIPTION",
    }
)
PATIENCE_SECONDS: Final = 60.0
# A topic policy set a moment ago may take some seconds to be seen by SES.
TRIES_TO_REACH_TOPIC: Final = 6


def name_of(prefix: str, tracking: str) -> str:
    """Return the set's name; `tracking` is none, opens, clicks or both."""
    return f"{prefix}-{tracking}"


def arn_of(region: str, account_id: str, name: str) -> str:
    """Return the set's ARN, as SES gives it to SNS as the source."""
    partition = "aws-eusc" if region.startswith("eusc-") else "aws"
    return f"arn:{partition}:ses:{region}:{account_id}:configuration-set/{name}"


def ensure_set(connection: Connection, *, name: str, tls_policy: str, report: Report) -> None:
    """Make the set, or bring TLS policy, reputation metrics and suppression reasons to what we need."""
    ses = client(connection, "sesv2")
    wait_turn(connection, patience=PATIENCE_SECONDS)
    try:
        found = ses.get_configuration_set(ConfigurationSetName=name)
    except ses.exceptions.NotFoundException:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        ses.create_configuration_set(
            ConfigurationSetName=name,
            DeliveryOptions={"TlsPolicy": tls_policy},
            ReputationOptions={"ReputationMetricsEnabled": True},
            SendingOptions={"SendingEnabled": True},
            SuppressionOptions={"SuppressedReasons": SUPPRESSED_REASONS},
        )
        report(Outcome.CREATED, f"configuration set {name}")
        return
    report(Outcome.EXISTED, f"configuration set {name}")
    _mend(connection, ses, found, name=name, tls_policy=tls_policy, report=report)


def _mend(
    connection: Connection, ses: Any, found: dict[str, Any], *, name: str, tls_policy: str, report: Report
) -> None:
    """Change what differs. Whether the set may send is left alone: somebody may have paused it on purpose."""
    delivery, reputation = found.get("DeliveryOptions") or {}, found.get("ReputationOptions") or {}
    reasons = (found.get("SuppressionOptions") or {}).get("SuppressedReasons") or []
    if delivery.get("TlsPolicy") != tls_policy:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        # The whole group is replaced: name what was there.
        kept = {
            key: value for key, value in delivery.items() if key in {"SendingPoolName", "MaxDeliverySeconds"}
        }
        ses.put_configuration_set_delivery_options(ConfigurationSetName=name, **kept, TlsPolicy=tls_policy)
        report(Outcome.CHANGED, f"configuration set {name}: TLS policy {tls_policy}")
    if not reputation.get("ReputationMetricsEnabled"):
        wait_turn(connection, patience=PATIENCE_SECONDS)
        ses.put_configuration_set_reputation_options(ConfigurationSetName=name, ReputationMetricsEnabled=True)
        report(Outcome.CHANGED, f"configuration set {name}: reputation metrics")
    if sorted(reasons) != SUPPRESSED_REASONS:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        ses.put_configuration_set_suppression_options(
            ConfigurationSetName=name, SuppressedReasons=SUPPRESSED_REASONS
        )
        report(Outcome.CHANGED, f"configuration set {name}: suppression reasons")


def ensure_destination(
    connection: Connection, *, name: str, tracking: str, topic_arn: str, report: Report
) -> None:
    """Publish the set's events to the topic: all of them, but only those opens and clicks that it may track."""
    ses = client(connection, "sesv2")
    wait_turn(connection, patience=PATIENCE_SECONDS)
    answer = ses.get_configuration_set_event_destinations(ConfigurationSetName=name)
    existing = {item["Name"]: item for item in answer.get("EventDestinations", [])}
    wanted = {
        "Enabled": True,
        "MatchingEventTypes": sorted(ALWAYS | TRACKED[tracking]),
        "SnsDestination": {"TopicArn": topic_arn},
    }
    found = existing.get(DESTINATION)
    if found is not None and _is_as_wanted(found, wanted):
        report(Outcome.EXISTED, f"event destination of {name}")
        return
    save = (
        ses.update_configuration_set_event_destination
        if found
        else ses.create_configuration_set_event_destination
    )
    request = {"ConfigurationSetName": name, "EventDestinationName": DESTINATION, "EventDestination": wanted}
    for remaining in reversed(range(TRIES_TO_REACH_TOPIC)):
        wait_turn(connection, patience=PATIENCE_SECONDS)
        try:
            save(**request)
            break
        except ses.exceptions.BadRequestException:
            if not remaining:
                raise
            time.sleep(2)
    report(Outcome.CHANGED if found else Outcome.CREATED, f"event destination of {name}")


def _is_as_wanted(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return (
        bool(found.get("Enabled"))
        and sorted(found.get("MatchingEventTypes", [])) == wanted["MatchingEventTypes"]
        and found.get("SnsDestination", {}).get("TopicArn") == wanted["SnsDestination"]["TopicArn"]
    )
