"""The transfer impact assessment: what of Amazon's work may be reached from outside the EEA."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    DPF,
    SCC,
    amazon_counts,
    has_exceptions,
    is_local,
    left_at_amazon,
    mail_server,
    place,
    smtp_host,
    tracking_host,
    transfers,
    who,
)
from .processors import services


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the assessment, in six steps as the EDPB recommends (Recommendations 01/2020)."""
    return [
        who(facts, answers),
        Heading("1. What is transferred"),
        Para(transfers(facts)),
        *mail_server(facts, answers),
        *([services(facts)] if _has_amazon(facts) else []),
        Heading("2. The instrument"),
        *_instrument(facts, answers),
        Heading("3. Law and practice of the third country"),
        Para(_law(facts)),
        Heading("4. What remains, and what is done about it"),
        Table(["Path", "What could be seen", "Measure"], _paths(facts, answers)),
        Heading("5. Settings that hold this"),
        Points(_settings(facts)),
        Heading("6. Alternatives and review"),
        Para(
            "A provider without ties to a third country would avoid the question. "
            f"{'Another SMTP server, or' if smtp_host(facts) else 'Sending by'} another provider over SMTP can be set up. All data can be "
            "exported: people, register of consent, reports."
        ),
        Table(
            ["Asked", "Answer"],
            [["Result", answered(answers, "tia_result")], ["Next review", answered(answers, "review")]],
        ),
    ]


def _has_amazon(facts: Facts) -> bool:
    """Whether Amazon has anything to do with this installation; the sandbox in its place is described like it."""
    return not smtp_host(facts) or bool(left_at_amazon(facts))


def _instrument(facts: Facts, answers: Answers) -> list[Block]:
    if not _has_amazon(facts):
        return [
            Para(
                "None of Amazon is needed: it processes nothing. For the SMTP server, see what stands with it above."
            )
        ]
    rows = [
        ["DPA accepted on", answered(answers, "aws_dpa_date")],
        ["DPA version", answered(answers, "aws_dpa_ref")],
        ["DPF entry checked on", answered(answers, "aws_dpf_checked")],
    ]
    return [Points([SCC, DPF]), Table(["Reference", "State"], rows)]


def _law(facts: Facts) -> str:
    text = (
        "belongs to a group of the United States, whose authorities may demand data under the CLOUD Act and "
        "section 702 FISA, also of data stored in Europe. Executive Order 14086 limits this and opens a redress for people "
        "in the EU; the adequacy decision rests on it."
    )
    own = "Which law reaches the SMTP server follows from who runs it, and where."
    if not smtp_host(facts):
        return f"The provider {text}"
    return f"{own} Amazon {text}" if _has_amazon(facts) else own


def _paths(facts: Facts, answers: Answers) -> list[list[str]]:
    if host := smtp_host(facts):
        line = facts.value("amazon", "smtp_line")
        server = [
            f"SMTP server {host}",
            "Addresses and whole mails",
            f"Line to it: {line}; as whoever runs it says",
        ]
        rest = [
            ["Support of Amazon", "What is written into a ticket", answered(answers, "aws_support")],
            *_hits(facts, answers),
        ]
        return [server, *rest] if _has_amazon(facts) else [server, *_hits(facts, answers)]
    where = "this machine" if is_local(facts) else place(facts)
    return [
        ["Data plane: sending, events", "Addresses and whole mails, while they pass", f"Processed in {where}; TLS on the way"],
        ["Control plane and IAM", "Names of resources, sign-ins of this site; no readers", "Keys of the site see only what it needs, if you set them up so"],
        ["Billing and metrics", "Numbers of mails", "No readers' data"],
        ["Support", "What is written into a ticket", answered(answers, "aws_support")],
        *_hits(facts, answers),
        ["Suppression list of the account", "Addresses that bounced or complained", "Kept alike with ours; erased with the person"],
    ]  # fmt: skip


def _hits(facts: Facts, answers: Answers) -> list[list[str]]:
    seen = "Hits with IP address and program"
    if not amazon_counts(facts):
        return [
            [
                "Tracking",
                "Nothing: Amazon counts no opens and clicks",
                "Where they are measured, this site does it",
            ]
        ]
    measure = "Mail that was sent while Amazon counted" if smtp_host(facts) else "Off by default"
    rows = [["Tracking", seen, f"{measure}; only with consent"]]
    if host := tracking_host(facts):
        rows.append([f"Tracking domain {host}", f"{seen}, before Amazon", answered(answers, "tracking_host")])
    return rows


def _settings(facts: Facts) -> list[str]:
    found = [
        "The site, its workers and all commands refuse to start with a Region or endpoint outside the list of the EEA",
        f"Region{' (no mail is sent there)' if smtp_host(facts) else ''}: {place(facts)}; endpoints instead of Amazon's own: {facts.value('amazon', 'endpoints')}",
        f"Uploads in Amazon S3: {facts.value('amazon', 'bucket')}",
    ]
    if has_exceptions(facts):
        found.append(
            f"EXCEPTIONS allowed by the operator: {facts.value('amazon', 'exceptions')}; they need a basis of their own"
        )
    return found
