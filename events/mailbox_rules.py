"""What Gmail, Yahoo and Microsoft ask of bulk senders, held against what is known here. Pure.

https://support.google.com/a/answer/81126 and https://support.google.com/a/answer/14229414 (Gmail, since February 2024),
https://senders.yahooinc.com/best-practices/ (Yahoo and AOL, since February 2024), Microsoft's rules for outlook.com,
hotmail.com, live.com and msn.com (since May 2025). What only the provider can see is said to be unknown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .sender_dns import Part, Verdict

# Mails a day to one provider from which its rules are those for bulk senders (Gmail, Microsoft).
BULK: Final = 5_000
GOOD_RATE, WORST_RATE = 0.001, 0.003
# A rate of fewer mails says nothing.
ENOUGH: Final = 1_000
ASK: Final = "Ask your provider, or look in the source of a mail that you got."
POSTMASTER: Final = "Register the domain at Google Postmaster Tools and look at its spam rate there."


class Answer(StrEnum):
    """Whether a rule is met, as far as one can tell from here."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "cannot be known from here"


@dataclass(frozen=True, slots=True)
class Domain:
    """A sending domain: its records by part (the worst verdict of each), and how strict its DMARC policy is."""

    name: str
    records: dict[str, Verdict]
    is_spf_strict: bool = False
    is_dkim_strict: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What the last days brought at one provider, in mails; `busiest` is the most on one day."""

    delivered: int = 0
    complained: int = 0
    bounced: int = 0
    accepted: int = 0
    busiest: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that the answers rest on. `figures` by the provider's name as `events.providers` writes it."""

    domains: Sequence[Domain]
    # Senders at domains of mailbox providers, which only those may sign.
    borrowed: Sequence[str]
    must_be_encrypted: bool
    has_https: bool
    figures: dict[str, Figures]
    bounce_limit: float = 0.05
    # An SMTP server sends, and of what it does nothing is known.
    is_by_smtp: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: what is asked, the answer, why, and what to do about it."""

    name: str
    answer: Answer
    reason: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's rules, and whether those for bulk senders hold for this one."""

    name: str
    mailboxes: str
    applies: str
    rules: list[Rule]

    @property
    def not_met(self) -> int:
        """How many rules are not met."""
        return sum(rule.answer is Answer.NOT_MET for rule in self.rules)

    @property
    def unknown(self) -> int:
        """How many rules nobody can answer from here."""
        return sum(rule.answer is Answer.UNKNOWN for rule in self.rules)


Judge = Callable[[Known, Figures], Rule]


def judge(known: Known) -> list[Provider]:
    """Return the three providers with each of their rules answered."""
    return [
        Provider(name, mailboxes, _applies(name, figures), [_held(rule, known, figures) for rule in rules])
        for name, mailboxes, rules in _PROVIDERS
        for figures in (known.figures.get(name, Figures()),)
    ]


def _held(rule: Judge, known: Known, figures: Figures) -> Rule:
    return (_BY_SMTP.get(rule, rule) if known.is_by_smtp else rule)(known, figures)


def _applies(name: str, figures: Figures) -> str:
    if name == "Yahoo":
        return "It names no number; keep the rules for every campaign."
    if figures.busiest >= BULK:
        return (
            f"You sent up to {figures.busiest:,} mails on one day: the rules for bulk senders hold for you."
        )
    so_far = (
        f"Up to {figures.busiest:,} mails on one day so far." if figures.busiest else "No mail in 30 days."
    )
    for_good = ", and then for good" if name == "Gmail" else ""
    return f"{so_far} From about {BULK:,} a day the rules for bulk senders hold{for_good}."


def _records(known: Known, parts: Sequence[Part], name: str, fine: str, cure: str) -> Rule:
    """A rule about records of every domain: met where all are there, unknown where one could not be looked at."""
    if not known.domains:
        return Rule(
            name, Answer.UNKNOWN, "No sending domain was looked at yet.", "Look at the records above."
        )
    for verdicts, answer, words in (
        ((Verdict.MISSING, Verdict.WRONG), Answer.NOT_MET, "{part} of {domain} is {verdict}."),
        ((Verdict.UNKNOWN,), Answer.UNKNOWN, "{part} of {domain} could not be looked at."),
    ):
        for domain in known.domains:
            for part in parts:
                verdict = domain.records.get(part, Verdict.UNKNOWN)
                if verdict in verdicts:
                    reason = words.format(part=part, domain=domain.name, verdict=verdict.value)
                    return Rule(name, answer, reason, cure)
    return Rule(name, Answer.MET, fine)


def _signed(known: Known, _: Figures) -> Rule:
    parts = (Part.DKIM, Part.SPF, Part.MX)
    fine = "Amazon signs in your name, and your MAIL FROM domain allows Amazon to send."
    return _records(known, parts, "SPF and DKIM", fine, "Add the record as it stands above.")


def _policy(known: Known, _: Figures) -> Rule:
    fine = "Every sending domain has a policy."
    return _records(
        known, (Part.DMARC,), "A DMARC policy, p=none at least", fine, "Add the record as it stands above."
    )


def _aligned(known: Known, _: Figures) -> Rule:
    name = "The sender's domain is the one that signs (alignment)"
    if known.borrowed:
        reason = f"{known.borrowed[0]} is an address at a mailbox provider, which alone can sign for it."
        return Rule(name, Answer.NOT_MET, reason, "Send from an address at a domain of your own.")
    signed = _records(
        known, (Part.DKIM,), name, "", "Without DKIM nothing is aligned: add the three records."
    )
    if signed.answer is not Answer.MET:
        return signed
    strict = [domain.name for domain in known.domains if domain.is_dkim_strict]
    reason = "The signature names the sender's own domain."
    if strict:
        reason += f" The policy of {strict[0]} is strict: senders at its subdomains would fail."
    elif any(domain.is_spf_strict for domain in known.domains):
        reason += (
            " SPF is not aligned, as the policy is strict and bounces go to a subdomain; DKIM is enough."
        )
    return Rule(name, Answer.MET, reason)


def _encrypted(known: Known, _: Figures) -> Rule:
    if known.must_be_encrypted:
        return Rule("TLS", Answer.MET, "Amazon delivers over TLS or not at all.")
    return Rule("TLS", Answer.MET, "Amazon uses TLS wherever the mailbox's server offers it, as these do.")


def _reverse(_: Known, __: Figures) -> Rule:
    return Rule(
        "Sending addresses with names forth and back (PTR)", Answer.MET, "Amazon's servers have them."
    )


def _one_click(known: Known, _: Figures) -> Rule:
    name = "One-click unsubscribe (RFC 8058), honoured within two days"
    if not known.has_https:
        return Rule(
            name,
            Answer.NOT_MET,
            "The public address does not begin with https://.",
            "Mend it in the settings.",
        )
    return Rule(name, Answer.MET, "Every marketing mail bears both headers; who uses them is off at once.")


def _link(_: Known, __: Figures) -> Rule:
    reason = "A template without a visible unsubscribe link is not published."
    return Rule("A visible link to unsubscribe", Answer.MET, reason)


def _gmail_complaints(_: Known, __: Figures) -> Rule:
    reason = "Gmail tells senders nothing of single complaints, and Amazon neither."
    return Rule("Spam rate below 0.1 %, never 0.3 %", Answer.UNKNOWN, reason, POSTMASTER)


def _complaints(_: Known, figures: Figures) -> Rule:
    name = "Complaints below 0.3 %, better below 0.1 %"
    if figures.delivered < ENOUGH:
        reason = f"{figures.delivered:,} mails in 30 days are too few for a rate."
        return Rule(name, Answer.UNKNOWN, reason, "Look again after the next campaigns.")
    rate = figures.complained / figures.delivered
    reason = f"{figures.complained:,} of {figures.delivered:,} people complained in 30 days ({rate:.2%})."
    cure = "Send to those who lately read, less often, and look where the others come from."
    if rate >= WORST_RATE:
        return Rule(name, Answer.NOT_MET, reason, cure)
    return Rule(name, Answer.MET, reason, cure if rate >= GOOD_RATE else "")


def _hygiene(known: Known, figures: Figures) -> Rule:
    name = "Few bounces (clean lists)"
    if figures.accepted < ENOUGH:
        reason = f"{figures.accepted:,} mails in 30 days are too few for a rate."
        return Rule(name, Answer.UNKNOWN, reason, "Look again after the next campaigns.")
    rate = figures.bounced / figures.accepted
    reason = (
        f"{figures.bounced:,} of {figures.accepted:,} mails bounced in 30 days ({rate:.2%}). Microsoft names no limit; "
        f"yours is {known.bounce_limit:.1%}."
    )
    if rate >= known.bounce_limit:
        return Rule(name, Answer.NOT_MET, reason, "Leave out addresses that were not written to for long.")
    return Rule(name, Answer.MET, reason)


def _replies(known: Known, _: Figures) -> Rule:
    fine = "The domains of your senders take mail."
    return _records(
        known,
        (Part.REPLIES,),
        "A sender that can be answered",
        fine,
        "Name the servers of your mailboxes as MX.",
    )


def _signed_by_provider(known: Known, _: Figures) -> Rule:
    name, cure = "SPF and DKIM", "Add what your provider names, as it stands above."
    spf = _records(known, (Part.OWN_SPF,), name, "", cure)
    if spf.answer is not Answer.MET:
        return spf
    reason = "There is an SPF record; whether it names your provider, and whether that signs, cannot be seen."
    return Rule(name, Answer.UNKNOWN, reason, f"{ASK} It has to say spf=pass and dkim=pass.")


def _aligned_by_provider(known: Known, figures: Figures) -> Rule:
    if known.borrowed:
        return _aligned(known, figures)
    name = "The sender's domain is the one that signs (alignment)"
    reason = "Which domain your provider signs with cannot be seen. Bounces go to the sender's own domain."
    return Rule(name, Answer.UNKNOWN, reason, f"{ASK} It has to say dmarc=pass.")


def _encrypted_by_provider(_: Known, __: Figures) -> Rule:
    reason = "How your provider's server speaks to the mailbox's cannot be seen."
    return Rule("TLS", Answer.UNKNOWN, reason, ASK)


def _reverse_of_provider(_: Known, __: Figures) -> Rule:
    name = "Sending addresses with names forth and back (PTR)"
    reason = "From which addresses your provider sends cannot be seen."
    return Rule(name, Answer.UNKNOWN, reason, ASK)


def _gmail_complaints_unheard(_: Known, __: Figures) -> Rule:
    reason = "Gmail tells senders nothing of single complaints."
    return Rule("Spam rate below 0.1 %, never 0.3 %", Answer.UNKNOWN, reason, POSTMASTER)


def _complaints_unheard(_: Known, __: Figures) -> Rule:
    reason = "Complaints about mail of an SMTP server do not come here."
    cure = "Ask your provider whether it takes part in the mailbox provider's feedback loop."
    return Rule("Complaints below 0.3 %, better below 0.1 %", Answer.UNKNOWN, reason, cure)


def _bounces_unheard(_: Known, __: Figures) -> Rule:
    reason = "Bounces that come after the server took a mail go to the sender's mailbox, not here."
    cure = "Look there after a campaign, and block those addresses."
    return Rule("Few bounces (clean lists)", Answer.UNKNOWN, reason, cure)


# Who answers in the place of whom where an SMTP server sends; the other rules are about us, or about DNS alone.
_BY_SMTP: Final[dict[Judge, Judge]] = {
    _signed: _signed_by_provider,
    _aligned: _aligned_by_provider,
    _encrypted: _encrypted_by_provider,
    _reverse: _reverse_of_provider,
    _gmail_complaints: _gmail_complaints_unheard,
    _complaints: _complaints_unheard,
    _hygiene: _bounces_unheard,
}
_COMMON: Final[tuple[Judge, ...]] = (_signed, _policy, _aligned)
_PROVIDERS: Final[tuple[tuple[str, str, tuple[Judge, ...]], ...]] = (
    (
        "Gmail",
        "gmail.com, googlemail.com",
        (*_COMMON, _encrypted, _reverse, _one_click, _link, _gmail_complaints),
    ),
    ("Yahoo", "yahoo.*, aol.com", (*_COMMON, _reverse, _one_click, _link, _complaints)),
    (
        "Microsoft",
        "outlook.*, hotmail.*, live.*, msn.com",
        (*_COMMON, _link, _replies, _complaints, _hygiene),
    ),
)
