"""The record of processing activities, Art. 30(1)."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    counts_itself,
    data_categories,
    has_exceptions,
    is_local,
    is_measured,
    mail_server,
    place,
    smtp_host,
    transfers,
    uses_amazon,
    who,
)
from .processors import table as processors


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the record, in the order of Art. 30(1)(a) to (g)."""
    return [
        Heading("(a) Who answers"),
        who(facts, answers),
        Heading("(b) Purposes"),
        Para(answered(answers, "purposes")),
        _activities(facts),
        Heading("(c) People and data"),
        Points(_people(facts)),
        Points(data_categories(facts)),
        Points([answered(answers, "special"), answered(answers, "children")]),
        Heading("(d) Recipients"),
        processors(facts, answers),
        _webhooks(facts),
        Para(answered(answers, "recipients")),
        Heading("(e) Transfers to third countries"),
        Para(transfers(facts)),
        *mail_server(facts, answers),
        *_exceptions(facts),
        Heading("(f) Time limits for erasure"),
        Table(
            ["Data", "Kept", "What happens"], [[f.label, f.value, f.note] for f in facts.group("retention")]
        ),
        Heading("(g) Security, Art. 32(1)"),
        Points(security(facts)),
        Points([answered(answers, "access"), answered(answers, "backups")]),
    ]


def _activities(facts: Facts) -> Table:
    bases = {fact.key: fact.value for fact in facts.group("people")}
    mailed = {fact.key: fact.value for fact in facts.group("campaigns")}
    counts = "this site" if counts_itself(facts) else "Amazon SES"
    measured = f"yes, of those who consented, by {counts}" if is_measured(facts) else "off"
    return Table(
        ["Activity", "Legal basis", "In use"],
        [
            ["Marketing mail", "Consent, Art. 6(1)(a); or existing customers, Art. 13(2) ePrivacy Directive with Art. 6(1)(f)",
             f"consent: {bases.get('consent', 'no')}, existing customers: {bases.get('soft_opt_in', 'no')}"],
            ["Mail under a contract", "Contract, Art. 6(1)(b); never tracked", mailed.get("contract", "no")],
            ["Service and security notices", "Legitimate interest, Art. 6(1)(f); see the weighing", mailed.get("service", "no")],
            ["Measuring opens and clicks", "Consent, Art. 6(1)(a) and Art. 5(3) ePrivacy Directive, apart for each", measured],
            ["Register of consent", "Duty to prove it, Art. 7(1) and 5(2)", "yes"],
            ["List of who gets no mail", "Duty to obey objections, Art. 21(3); as keyed hashes", "yes"],
            ["Requests of people", "Legal duty, Art. 6(1)(c) with Art. 12 to 22", "yes"],
            ["Accounts and audit log of users", "Legitimate interest in security, Art. 6(1)(f)", "yes"],
        ],
    )  # fmt: skip


def _people(facts: Facts) -> list[str]:
    number = facts.value("people", "number")
    return [
        f"Readers: people who subscribed or who are customers ({number} at present)",
        "People who typed an address into a sign-up form and have not confirmed it",
        "Users of these pages: staff of the controller",
    ]


def _webhooks(facts: Facts) -> Table:
    rows = [[fact.label, fact.value] for fact in facts.group("webhooks")]
    return Table(["Webhooks: system", "What it is told, without addresses"], rows or [["none", ""]])


def _exceptions(facts: Facts) -> list[Block]:
    if not has_exceptions(facts):
        return []
    rows = [
        [name, "allowed by the operator in EEA_EXCEPTIONS"]
        for name in facts.value("amazon", "exceptions").split(", ")
    ]
    return [Table(["Region or host outside the EEA list", "Why it is possible"], rows)]


def security(facts: Facts) -> list[str]:
    """Return the measures that the product takes, as they are set."""
    found = [
        "Pages need a sign-in, with three roles; a second factor can be set up; guessing passwords is slowed down",
        "Changes of settings and what users do to people's data are written to an audit log",
        "The consent register is sealed: append-only in the database, chained and signed blocks",
        "Who is suppressed or erased is kept as a keyed hash, not as an address",
        "Logs hold no IP addresses and no e-mail addresses; secrets at rest are encrypted",
        "Links in mails are signed; nothing acts on a mere visit",
        "Messages from Amazon are believed only with a valid signature, for our own topics",
        _tls(facts),
        f"The site is served by https alone: {facts.value('hosting', 'https')}",
        f"Database {facts.value('hosting', 'database')}; Redis {facts.value('hosting', 'redis')}; uploads: {facts.value('hosting', 'uploads')}",
    ]
    if not is_local(facts) and uses_amazon(facts):
        found.append(
            f"Amazon's services are used in {place(facts)}; the site does not start with one outside the EEA that is no named exception"
        )
    return found


def _tls(facts: Facts) -> str:
    if host := smtp_host(facts):
        line = facts.value("amazon", "smtp_line")
        return f"Line to the SMTP server {host}: {line}; what it asks of other mail servers is up to whoever runs it"
    return f"Mail servers without TLS are {'refused' if facts.value('amazon', 'tls') == 'REQUIRE' else 'served in plain text'}"
