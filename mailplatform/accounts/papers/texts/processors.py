"""Processors and sub-processors with their contracts, Art. 28."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import DPF, SCC, amazon_counts, is_local, place


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the list."""
    return [
        Heading("Processors"),
        table(facts, answers),
        Heading("Amazon Web Services in detail"),
        Table(
            ["Reference", "State"],
            [
                ["Contracting party", "Amazon Web Services EMEA SARL, 38 avenue John F. Kennedy, L-1855 Luxembourg, unless your contract says otherwise"],
                ["Data processing addendum (DPA)", answered(answers, "aws_dpa_ref")],
                ["DPA accepted on", answered(answers, "aws_dpa_date")],
                ["Standard Contractual Clauses (SCC)", SCC],
                ["Data Privacy Framework (DPF)", DPF],
                ["DPF entry checked on", answered(answers, "aws_dpf_checked")],
                ["Support", answered(answers, "aws_support")],
                ["Amazon account", facts.value("amazon", "account") or "not connected yet"],
            ],
        ),
        Heading("Services of Amazon in use"),
        services(facts),
        Heading("Sub-processors"),
        Para("Amazon publishes the list of its sub-processors on aws.amazon.com/compliance/sub-processors."),
        Table(["Reference", "State"], [["List read on", answered(answers, "aws_subprocessors_checked")]]),
        Heading("Systems that are told of events by webhook"),
        Points([f"{fact.label}: {fact.value}" for fact in facts.group("webhooks")] or ["none"]),
        Heading("Further recipients"),
        Para(answered(answers, "recipients")),
    ]  # fmt: skip


def table(facts: Facts, answers: Answers) -> Table:
    """Return who processes on the controller's behalf."""
    if is_local(facts):
        amazon = ["Amazon Web Services", "not used: a local sandbox stands in for it", "", ""]
    else:
        amazon = [
            "Amazon Web Services",
            "Sending mail, events about it",
            place(facts),
            answered(answers, "aws_dpa_date"),
        ]
    return Table(
        ["Processor", "What for", "Where", "Contract of"],
        [
            amazon,
            ["Host", "Servers, database, backups", answered(answers, "host"), answered(answers, "host_dpa")],
        ],
    )


def services(facts: Facts) -> Table:
    """Return which of Amazon's services see which data."""
    hits = (
        "; of consented opens and clicks also IP address and program, which we drop"
        if amazon_counts(facts)
        else ""
    )
    rows = [
        ["SES", "Address, sender, whole mail with headers, tags that name mailing and person by number", "sends; keeps a list of addresses that bounced or complained"],
        ["SNS", f"Events: address, time, answer of the mail server{hits}", "delivers to this site"],
        ["SQS", "The same events, where this site could not be reached", "up to 14 days"],
        ["STS, IAM", "No personal data of readers", "sign-in of this site"],
    ]  # fmt: skip
    if facts.value("hosting", "uploads") == "Amazon S3":
        rows.append(
            [
                "S3",
                "Files of imports; a nightly list of who gets no mail",
                "until the import is over; 14 days",
            ]
        )
    if facts.is_yes("amazon", "checkpoints"):
        rows.append(
            [
                "S3",
                "Checkpoints of the register: hashes and signatures, nobody's data",
                "as the bucket is locked",
            ]
        )
    return Table(["Service", "Sees", "Does"], rows)
