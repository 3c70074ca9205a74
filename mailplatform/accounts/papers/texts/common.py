"""Sentences and tables that several papers share."""

from typing import Final

from ..blocks import Block, Gap, Table
from ..facts import OWN_CARRIER, Facts
from ..questions import Answers, answered

# Commission Implementing Decision (EU) 2021/914, modules 2 and 3; Commission Implementing Decision (EU) 2023/1795.
SCC: Final = "Standard Contractual Clauses (Implementing Decision (EU) 2021/914), part of the AWS data processing addendum"
DPF: Final = (
    "EU-US Data Privacy Framework (Implementing Decision (EU) 2023/1795), upheld by the General Court on 3 September 2025 "
    "(T-553/23); an appeal to the Court of Justice was pending when this text was written, so it is not relied on alone"
)


def filled(facts: Facts, group: str, key: str, what: str) -> str:
    """Return a setting, or the gap where it is empty."""
    return facts.value(group, key) or Gap(f"{what} (Settings, Installation)")


def is_local(facts: Facts) -> bool:
    """Return whether no mail leaves this machine."""
    return facts.is_yes("amazon", "sandbox") and not smtp_host(facts)


def smtp_host(facts: Facts) -> str:
    """Return the host of the SMTP server that takes the place of Amazon SES; empty where SES sends."""
    return facts.value("amazon", "smtp")


def uses_amazon(facts: Facts) -> bool:
    """Return whether anything of this installation is, or may still be, at Amazon."""
    if not smtp_host(facts):
        return not is_local(facts)
    return bool(still_at_amazon(facts))


def still_at_amazon(facts: Facts) -> list[str]:
    """Return what Amazon has to do with data though an SMTP server sends, as far as account and storage say it."""
    if facts.is_yes("amazon", "sandbox"):
        return []
    found = []
    if (bucket := facts.value("amazon", "bucket")).startswith("yes"):
        found.append(f"keeps uploads in S3, {bucket.removeprefix('yes, ')}")
    if facts.is_yes("amazon", "checkpoints"):
        found.append("keeps checkpoints of the register in S3")
    if facts.value("amazon", "account"):
        found.append(
            "may hold, in the connected account, what it got while it sent: addresses that bounced or complained"
        )
    if facts.is_yes("amazon", "monitoring"):
        found.append("gets figures of this site each minute (CloudWatch), none of anybody in particular")
    if address := facts.value("amazon", "operations"):
        found.append(f"tells {address} of alarms")
    if facts.value("amazon", "schedules"):
        found.append("tells this site that a scheduled time has come (EventBridge)")
    return found


def left_at_amazon(facts: Facts) -> list[str]:
    """Return the same, and what Amazon sees of readers; for papers that know of campaigns."""
    found = still_at_amazon(facts)
    if amazon_counts(facts):
        found.append("sees hits of mail that was sent while it counted")
    return found


def mail_server(facts: Facts, answers: Answers) -> list[Block]:
    """Return what is known and was told of the SMTP server; nothing where Amazon SES sends."""
    if not smtp_host(facts):
        return []
    rows = [
        ["Host", smtp_host(facts)],
        ["Line to it", facts.value("amazon", "smtp_line")],
        ["Gets", "every mail as a whole: address, sender, contents, headers"],
        ["Run by", answered(answers, "smtp_runner")],
        ["Contract of", answered(answers, "smtp_dpa")],
        ["Third countries", answered(answers, "smtp_transfers")],
    ]
    return [Table(["SMTP server in the place of Amazon SES", "State"], rows)]


def has_exceptions(facts: Facts) -> bool:
    """Return whether the operator allowed a Region or host that is not on the EEA list."""
    return facts.value("amazon", "exceptions") != "none"


def is_measured(facts: Facts) -> bool:
    """Return whether opens or clicks may be measured of anybody. Amazon measures nothing of what others send."""
    if smtp_host(facts) and not counts_itself(facts):
        return False
    return (
        facts.is_yes("tracking", "opens")
        or facts.is_yes("tracking", "clicks")
        or facts.is_yes("campaigns", "tracked")
    )


def counts_itself(facts: Facts) -> bool:
    """Return whether this site counts, not Amazon."""
    return facts.value("tracking", "carrier") == OWN_CARRIER


def amazon_counts(facts: Facts) -> bool:
    """Return whether Amazon sees hits: of mail that is measured now, or of mail that was sent when it counted."""
    return (is_measured(facts) and not counts_itself(facts)) or facts.is_yes("campaigns", "amazon_tracked")


def tracking_host(facts: Facts) -> str:
    """Return the host of one's own by which readers reach Amazon's pixel and redirect; empty where they go there straight."""
    return facts.value("amazon", "tracking_domain") if amazon_counts(facts) else ""


def place(facts: Facts) -> str:
    """Return the Region with its place."""
    region, where = facts.value("amazon", "region"), facts.value("amazon", "place")
    return f"{where} ({region})" if where else f"{region}, which is not on the list of EEA Regions"


def who(facts: Facts, answers: Answers) -> Table:
    """Return the table of those who answer (Art. 30(1)(a))."""
    return Table(
        ["Role", "Name and contact"],
        [
            ["Controller", filled(facts, "controller", "company", "company")],
            ["Address", filled(facts, "controller", "address", "postal address")],
            ["Contact", answered(answers, "contact")],
            ["Data protection officer", answered(answers, "dpo")],
            ["Representative in the EU", answered(answers, "representative")],
            ["Joint controllers", answered(answers, "joint")],
            ["Supervisory authority", answered(answers, "authority")],
        ],
    )


def data_categories(facts: Facts) -> list[str]:
    """Return the categories of readers' data that this installation is set up to hold."""
    own = ", ".join(fact.label for fact in facts.group("fields"))
    found = [
        "Master data: e-mail address, name, language, time zone, lists, tags, where the person came from",
        "Consent: purpose, act, wording, time, method, network of the IP address (/24 or /48), evidence of the basis",
        "Delivery: which mailing, when, accepted, delivered, bounced, complained, with the reason",
    ]
    if own:
        found.insert(1, f"Custom fields of this installation: {own}")
    if facts.is_yes("people", "orders"):
        found.append("Orders: number, time, products, amount")
    if is_measured(facts):
        found.append(
            "Engagement, of those who consented: time of opens and clicks, link, kind of program; no IP address"
        )
    return found


def transfers(facts: Facts) -> str:
    """Say in short where data go (Art. 30(1)(e))."""
    if is_local(facts):
        return "None at present: a local sandbox stands in for Amazon, and no mail leaves this machine."
    if host := smtp_host(facts):
        return _smtp_transfers(facts, host)
    text = (
        f"Mail is processed in {place(facts)}. Amazon's control plane, sign-in, billing and support may involve access "
        f"from the United States. Safeguards: {SCC}; {DPF}."
    )
    return text + _allowed(facts)


def _smtp_transfers(facts: Facts, host: str) -> str:
    text = (
        f"Mail is handed over to the SMTP server {host}; none passes Amazon SES. Who runs that server, and whether anything on it can be "
        "reached from outside the European Economic Area, stands with it below."
    )
    if left := left_at_amazon(facts):
        text += f" Amazon {'; it '.join(left)}. Safeguards for that: {SCC}; {DPF}."
    return text + _allowed(facts)


def _allowed(facts: Facts) -> str:
    text = ""
    if has_exceptions(facts):
        text += (
            " The operator allowed Regions or hosts that are not on the list of the European Economic Area: "
            f"{facts.value('amazon', 'exceptions')}. Each needs its own legal basis for the transfer."
        )
    return text
