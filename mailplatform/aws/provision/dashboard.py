"""What the CloudWatch dashboard shows. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Sequence
from typing import Any, Final

# The namespace of the figures that this installation reports about itself (mailplatform.aws.own_metrics).
NAMESPACE: Final = "mailplatform"
_WIDTH: Final = 12
_HEIGHT: Final = 6


def body(prefix: str, region: str, queue: str, sets: Sequence[str]) -> dict[str, Any]:
    """Return the dashboard; its first widget says whose it is."""
    own = {"Installation": prefix}
    charts = [
        ("Mail", "Sum", _ses("Send", "Delivery", "Bounce", "Complaint", "Reject")),
        ("Reputation", "Average", _ses("Reputation.BounceRate", "Reputation.ComplaintRate")),
        ("Mail by configuration set", "Sum", _by_set("Send", sets)),
        ("Bounces by configuration set", "Sum", _by_set("Bounce", sets)),
        ("Waiting to be sent", "Maximum", _own(own, "WaitingToBeSent", "Unresolved")),
        ("Events taken in", "Maximum", _own(own, "EventLagSeconds", "DeadLetters")),
        (
            "Events that could not be delivered",
            "Maximum",
            [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]],
        ),
    ]
    note = {"markdown": f"Made by mailplatform for the installation {prefix}. Changes made here are undone."}
    widgets: list[dict[str, Any]] = [
        {"type": "text", "x": 0, "y": 0, "width": 2 * _WIDTH, "height": 1, "properties": note}
    ]
    for number, (title, statistic, metrics) in enumerate(charts):
        widgets.append(
            {
                "type": "metric",
                "x": _WIDTH * (number % 2),
                "y": 1 + _HEIGHT * (number // 2),
                "width": _WIDTH,
                "height": _HEIGHT,
                "properties": {
                    "title": title,
                    "region": region,
                    "view": "timeSeries",
                    "stat": statistic,
                    "period": 300,
                    "metrics": metrics,
                },
            }
        )
    return {"widgets": widgets}


def _ses(*names: str) -> list[list[str]]:
    return [["AWS/SES", name] for name in names]


def _by_set(name: str, sets: Sequence[str]) -> list[list[str]]:
    return [["AWS/SES", name, "ses:configuration-set", item] for item in sets]


def _own(dimensions: dict[str, str], *names: str) -> list[list[str]]:
    flat = [text for pair in dimensions.items() for text in pair]
    return [[NAMESPACE, name, *flat] for name in names]
