"""The data inventory: every column of the database that holds something about people, and what lies elsewhere."""

from .. import inventory
from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import smtp_host, still_at_amazon


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write one row per column, table after table."""
    rows, empty = [], []
    for model, description in inventory.models():
        name = str(model._meta.label)  # noqa: SLF001 - Django documents _meta
        if description is None or not description.personal:
            empty.append(name)
            continue
        rows += [
            [name, column, what, description.about, description.kept]
            for column, what in description.personal.items()
        ]
    return [
        Heading("In the database"),
        Table(["Table", "Column", "What it holds", "About whom", "Kept"], rows),
        Heading("Custom fields of this installation"),
        Table(
            ["Field", "Type", "Key"],
            [[f.label, f.value, f.note] for f in facts.group("fields")] or [["none", "", ""]],
        ),
        Heading("Elsewhere"),
        Table(
            ["Where", "What it holds", "Kept"],
            [
                ["Data directory or bucket", "files of imports", "until the import is over"],
                [
                    "Nightly list of who gets no mail, beside them",
                    "addresses of people still known, else keyed hashes"
                    if facts.value("hosting", "suppression_copy") == "addresses"
                    else "keyed hashes",
                    "14 days",
                ],
                ["Checkpoints of the register", "hashes and signatures; nobody's data", "always"],
                [
                    "Redis",
                    "numbers of runs and people in the queue, keyed hashes of networks against floods",
                    "hours",
                ],
                ["Logs", "numbers and times; no addresses", "as the host keeps them"],
                *_senders(facts),
                *_alarms(facts),
                ["Backups", "all of the database", answered(answers, "backups")],
            ],
        ),
        Heading("Tables that hold nothing about people"),
        Para(", ".join(empty) + "."),
        Points(["A test of the product fails while any column is neither described nor declared impersonal"]),
    ]


def _alarms(facts: Facts) -> list[list[str]]:
    address = facts.value("amazon", "operations")
    if not address or facts.is_yes("amazon", "sandbox"):
        return []
    return [
        [
            "Amazon SNS, topic of alarms",
            f"{address}, of the controller's staff",
            "until provisioning removes it",
        ]
    ]


def _senders(facts: Facts) -> list[list[str]]:
    if host := smtp_host(facts):
        found = [
            [
                f"SMTP server {host}",
                "mails until they are delivered; its logs",
                "as whoever runs it keeps them",
            ]
        ]
        return found + [
            ["Amazon", f"sends no mail; {kept}", "see the processors"] for kept in still_at_amazon(facts)
        ]
    return [
        ["Amazon SES", "mails while they are sent; suppression list with addresses", "see the processors"],
        ["Amazon SNS and SQS", "events with addresses", "until delivered; SQS up to 14 days"],
    ]
