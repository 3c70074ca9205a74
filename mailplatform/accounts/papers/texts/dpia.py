"""The draft of a data protection impact assessment, in the order of Art. 35(7)."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    amazon_counts,
    counts_itself,
    data_categories,
    is_measured,
    mail_server,
    place,
    smtp_host,
    tracking_host,
    transfers,
    who,
)


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the draft."""
    return [
        who(facts, answers),
        Heading("Is an assessment needed?"),
        Para(
            "For mail under a contract alone, as a rule, no. For marketing at scale, or with measuring of opens and clicks, it is "
            f"advisable. This installation holds {facts.value('people', 'number')} people; "
            f"measuring is {'on for those who consented' if is_measured(facts) else 'off'}."
        ),
        Heading("(a) What is done, and what for"),
        Para(answered(answers, "purposes")),
        Points(data_categories(facts)),
        Para(
            "People arrive by a form with confirmation or by an import with evidence. A campaign freezes its audience; before each "
            f"mail leaves, the basis is asked again. {_sends(facts)}"
        ),
        Para(transfers(facts)),
        *mail_server(facts, answers),
        Heading("Tracking"),
        Points(_tracking(facts)),
        Heading("Retention of engagement data"),
        Table(
            ["Data", "Kept", "What happens"], [[f.label, f.value, f.note] for f in facts.group("retention")]
        ),
        Para(answered(answers, "retention_reason")),
        Heading("Unsubscribing"),
        Points(
            [
                "Every mail of a campaign has a link to unsubscribe in its text and the headers of RFC 8058 for one click; a template without the link cannot be published",
                "No sign-in and no reason is asked for; it takes effect at once, also for mail that waits",
                "A mere visit of the link changes nothing, so that scanners of links unsubscribe nobody",
                "A no stands against every later import, form of others, user and API call; only the person can take it back",
                "On the page of preferences people pause, get less mail, withdraw tracking alone, see and erase their data",
            ]
        ),
        Heading("(b) Necessity and proportionality"),
        Points(_necessity(facts)),
        Points([answered(answers, "special"), answered(answers, "children")]),
        Heading("(c) Risks and (d) measures"),
        Table(["Risk for people", "Measure", "What remains"], _risks(facts)),
        Heading("Advice, views, result"),
        Table(
            ["Asked", "Answer"],
            [
                ["Data protection officer, Art. 35(2)", answered(answers, "dpia_advice")],
                ["People concerned, Art. 35(9)", answered(answers, "dpia_views")],
                ["Result", answered(answers, "dpia_result")],
                ["Next review, Art. 35(11)", answered(answers, "review")],
            ],
        ),
    ]


def _sends(facts: Facts) -> str:
    if host := smtp_host(facts):
        return (
            f"The SMTP server {host} takes each mail over; what it refuses at once becomes an outcome. Bounces and complaints that come "
            "later arrive in the sender's mailbox and have to be entered by hand."
        )
    return "Amazon SES sends; its signed events come back and become outcomes. Bounces and complaints suppress the address."


def _tracking(facts: Facts) -> list[str]:
    found = [
        f"Opens by default of new campaigns: {facts.value('tracking', 'opens')}; clicks: {facts.value('tracking', 'clicks')}",
        f"Any campaign that measures: {facts.value('campaigns', 'tracked')}",
        "Nobody is measured without their own consent, asked for apart from the mailing and apart for opens and clicks",
        "Contract and service mail is never tracked",
        "Links to unsubscribe, to preferences and to legal pages are never tracked",
        "Kept of an open or click: time, link, kind of program. Not kept: IP address, user agent",
        "Opens are unreliable: Apple Mail Privacy Protection and image proxies open mail by themselves; known machines are counted apart",
    ]
    found += [f"{fact.label}: {fact.value}" for fact in facts.group("inactive")]
    if is_measured(facts) and counts_itself(facts):
        found.append(
            f"Carrier: {facts.value('tracking', 'carrier')}. A link of a mail names mailing and reader by a signed token, to this site "
            "alone. Consent is asked again at the moment of each hit, where it would be stored: a withdrawal also silences mail already "
            "sent, as French and Italian guidance of 2026 asks. Only the number of such hits is kept, of nobody in particular"
        )
    elif is_measured(facts):
        found.append(
            f"Carrier: {facts.value('tracking', 'carrier')}. A withdrawal cannot silence a mail already sent: Amazon still sees the hit, "
            "and this site drops it unstored. French and Italian guidance of 2026 asks that a withdrawal also reaches mail already sent. "
            f"Acknowledged by an administrator: {facts.value('tracking', 'acknowledged')}"
        )
    elif smtp_host(facts) and not counts_itself(facts):
        found.append(
            f"Carrier: {facts.value('tracking', 'carrier')}, but an SMTP server sends: nobody is counted"
        )
    if (counts_itself(facts) or smtp_host(facts)) and amazon_counts(facts):
        found.append(
            "Mails were sent while Amazon counted. Their pixel and links still lead over Amazon: it sees the hit, and this site drops it "
            f"unstored after a withdrawal. Acknowledged by an administrator: {facts.value('tracking', 'acknowledged')}"
        )
    return found


def _necessity(facts: Facts) -> list[str]:
    known = (
        "what the SMTP server took or refused is"
        if smtp_host(facts)
        else "deliveries, bounces and complaints are"
    )
    return [
        "A mail needs an address and the proof of a basis; name and fields are asked for only where a form is set up so",
        f"Custom fields of this installation: {len(facts.group('fields'))}. Delete those that no mailing needs",
        f"Without measuring nothing is missing for sending: {known} known without it",
        "Consent is asked for with the exact wording, kept by version; an empty box is a no",
    ]


def _risks(facts: Facts) -> list[list[str]]:
    return [
        ["Mail without or against consent", "One rule asked before every mail; refusals stand in the database itself",
         "Evidence of an import is only as good as what the importer claims"],
        ["Habits of reading become visible", "Off by default; consent apart; no IP address; retention; erasure",
         _what_remains(facts)],
        ["Contents reveal health, finances or beliefs", _line(facts),
         "Mail lies readable at mailbox providers; write no sensitive contents into it"],
        _abroad(facts),
        ["Data breach", "Roles, second factor, audit log, keyed hashes, sealed register", "Whoever holds the database reads it"],
        _lives_on(facts),
        ["Bounce and complaint data say something of a person", "Only kind, reason and time are kept", "Small"],
    ]  # fmt: skip


def _what_remains(facts: Facts) -> str:
    if amazon_counts(facts):
        host = tracking_host(facts)
        also = f", and so does whoever runs {host}" if host else ""
        return f"Amazon sees hits of mail that it tracks{also}"
    if is_measured(facts):
        return "Whoever gets a mail passed on is counted as the reader it was sent to"
    return "None while measuring is off"


def _line(facts: Facts) -> str:
    if host := smtp_host(facts):
        return f"Line to the SMTP server {host}: {facts.value('amazon', 'smtp_line')}"
    return f"TLS towards mail servers: {facts.value('amazon', 'tls')}"


def _abroad(facts: Facts) -> list[str]:
    risk = "Access from third countries"
    if host := smtp_host(facts):
        return [
            risk,
            f"No mail passes Amazon; see the SMTP server {host} and the transfer assessment",
            "As whoever runs it says",
        ]
    return [
        risk,
        f"Region: {place(facts)}; contracts; see the transfer assessment",
        "Control plane of Amazon",
    ]


def _lives_on(facts: Facts) -> list[str]:
    risk = "Data live on after erasure"
    if host := smtp_host(facts):
        return [
            risk,
            "Erasure says what it could not reach",
            f"Backups; queue and logs of the SMTP server {host}",
        ]
    measure = "Erasure reaches Amazon's suppression list, says what it could not reach"
    return [risk, measure, "Backups, files of the dead-letter queue up to 14 days"]
