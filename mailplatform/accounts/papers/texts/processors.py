"""Processors and sub-processors with their contracts, Art. 28."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    DPF,
    SCC,
    amazon_counts,
    is_local,
    left_at_amazon,
    mail_server,
    place,
    smtp_host,
    tracking_host,
)


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the list."""
    return [
        Heading("Processors"),
        table(facts, answers),
        *mail_server(facts, answers),
        *_amazon(facts, answers),
        Heading("Systems that are told of events by webhook"),
        Points([f"{fact.label}: {fact.value}" for fact in facts.group("webhooks")] or ["none"]),
        Heading("Further recipients"),
        Para(answered(answers, "recipients")),
    ]


def _amazon(facts: Facts, answers: Answers) -> list[Block]:
    if smtp_host(facts) and not left_at_amazon(facts):
        return []
    return [
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
    ]  # fmt: skip


def table(facts: Facts, answers: Answers) -> Table:
    """Return who processes on the controller's behalf."""
    return Table(
        ["Processor", "What for", "Where", "Contract of"],
        [
            *_senders(facts, answers),
            *_tracking_host(facts, answers),
            ["Host", "Servers, database, backups", answered(answers, "host"), answered(answers, "host_dpa")],
        ],
    )


def _tracking_host(facts: Facts, answers: Answers) -> list[list[str]]:
    if not (host := tracking_host(facts)):
        return []
    what = "Takes hits with IP address and program, of those who consented, and passes them on to Amazon"
    return [
        [f"Host of the tracking domain {host}", what, answered(answers, "tracking_host"), "as said there"]
    ]


def _senders(facts: Facts, answers: Answers) -> list[list[str]]:
    if is_local(facts):
        return [["Amazon Web Services", "not used: a local sandbox stands in for it", "", ""]]
    host = smtp_host(facts)
    if not host:
        what = "Sending mail, events about it"
        return [["Amazon Web Services", what, place(facts), answered(answers, "aws_dpa_date")]]
    server = [
        f"SMTP server {host}",
        "Takes every mail over and delivers it",
        answered(answers, "smtp_runner"),
        answered(answers, "smtp_dpa"),
    ]
    left = left_at_amazon(facts)
    if not left:
        return [server]
    what = f"Sends no mail; {'; '.join(left)}"
    return [server, ["Amazon Web Services", what, place(facts), answered(answers, "aws_dpa_date")]]


def services(facts: Facts) -> Table:
    """Return which of Amazon's services see which data."""
    if smtp_host(facts):
        left = [["STS, IAM", "No personal data of readers", "sign-in of this site"], *_around(facts)]
        if facts.value("amazon", "account"):
            left.insert(
                0,
                [
                    "SES",
                    "No mail; addresses from the time when it sent",
                    "keeps a list of addresses that bounced or complained",
                ],
            )
        if amazon_counts(facts):
            left.insert(
                0,
                [
                    "SES, SNS, SQS",
                    "Hits of older mail with IP address and program, which we drop",
                    "delivers them to this site",
                ],
            )
        return Table(["Service", "Sees", "Does"], left)
    hits = (
        "; of consented opens and clicks also IP address and program, which we drop"
        if amazon_counts(facts)
        else ""
    )
    rows = [
        ["SES", "Address, sender, whole mail with headers, tags that name mailing and person by number", f"sends{_through(facts)}; keeps a list of addresses that bounced or complained"],
        ["SNS", f"Events: address, time, answer of the mail server{hits}", "delivers to this site"],
        ["SQS", "The same events, where this site could not be reached", "up to 14 days"],
        ["STS, IAM", "No personal data of readers", "sign-in of this site"],
    ]  # fmt: skip
    return Table(["Service", "Sees", "Does"], rows + _around(facts))


def _through(facts: Facts) -> str:
    """Name what of one's own in SES mail passes."""
    tenant, pool = facts.value("amazon", "tenant"), facts.value("amazon", "ip_pool")
    named = [f"through the tenant {tenant}"] if tenant else []
    named += [f"from the dedicated addresses of the pool {pool}"] if pool else []
    return "".join(f", {words}" for words in named)


def _around(facts: Facts) -> list[list[str]]:
    """Return the services beside sending and its events."""
    rows = []
    if facts.is_yes("amazon", "monitoring"):
        address = facts.value("amazon", "operations")
        told = (
            f"alarms, of which {address} is told by mail (SNS)"
            if address
            else "alarms, of which nobody is told"
        )
        rows.append(
            [
                "CloudWatch",
                "Numbers of mails, events and waiting work; nobody's data",
                f"figures, dashboard; {told}",
            ]
        )
    if facts.value("amazon", "schedules"):
        rows.append(
            [
                "EventBridge",
                "Names of rules, of campaigns and events; nobody's data",
                "tells this site the time (SNS)",
            ]
        )
    return rows + _storage(facts)


def _storage(facts: Facts) -> list[list[str]]:
    rows = []
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
    return rows
