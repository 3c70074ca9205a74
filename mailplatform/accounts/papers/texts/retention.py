"""The retention schedule."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import smtp_host


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write what is kept for how long, and why."""
    return [
        Heading("What is kept, and for how long"),
        Table(
            ["Data", "Kept", "What happens"], [[f.label, f.value, f.note] for f in facts.group("retention")]
        ),
        Heading("How it is done"),
        Points(
            [
                "Each rule runs once a day; each run is noted with how many it touched, under Settings, Retention",
                "Months of single events are dropped as whole tables; reports keep their numbers and nobody's name",
                "Who is not measured never counts as inactive: silence that nobody listened to means nothing",
                "Erasure takes the person, evidence and salts; the sealed register stays and then names nobody",
            ]
        ),
        Heading("Outside the database"),
        Points(
            [
                *_senders(facts),
                "Logs of the servers hold no addresses of readers; how long they are kept is up to the host",
                answered(answers, "backups"),
            ]
        ),
        Heading("Reasons"),
        Para(answered(answers, "retention_reason")),
    ]


def _senders(facts: Facts) -> list[str]:
    """What lies with whoever sends; at Amazon, too, where an account is connected still."""
    host = smtp_host(facts)
    found = [f"Queue and logs of the SMTP server {host}: as whoever runs it keeps them"] if host else []
    if host and not facts.value("amazon", "account"):
        return found
    return [
        *found,
        "Dead-letter queue at Amazon: up to 14 days",
        "Suppression list of the Amazon account: until the person is erased, or it is lifted",
    ]
