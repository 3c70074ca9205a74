"""What the DNS of a sending domain should hold, and what it holds. Pure.

SPF: RFC 7208. DKIM at Amazon SES: three CNAMEs ("Easy DKIM"). DMARC: RFC 7489. MAIL FROM: one MX and one SPF record,
https://docs.aws.amazon.com/ses/latest/dg/mail-from.html
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

AMAZON_SPF: Final = "include:amazonses.com"
# A receiver gives up with an error after so many terms that ask DNS (RFC 7208, 4.6.4).
MOST_SPF_QUESTIONS: Final = 10
POLICIES: Final = ("none", "quarantine", "reject")
_OPEN: Final = frozenset({"all", "+all"})
_CLOSED: Final = frozenset({"all", "-all", "~all", "?all"})
_ASKING: Final = re.compile(r"[+?~-]?(include:.+|exists:.+|(a|mx|ptr)([:/].+)?)|redirect=.+")
_SILENT: Final = re.compile(r"[+?~-]?(all|ip4:.+|ip6:.+)|[a-z][a-z0-9_.-]*=.*")


class Verdict(StrEnum):
    """What a look at one record came to; UNKNOWN where DNS or Amazon did not answer."""

    FOUND = "found"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Part(StrEnum):
    """What a record is for."""

    DKIM = "DKIM"
    SPF = "SPF of MAIL FROM"
    MX = "MX of MAIL FROM"
    DMARC = "DMARC"
    TRACKING = "Tracking domain"
    REPLIES = "Mail to the domain"
    # Where an SMTP server sends: bounces go to the sender's own domain, and the key is whoever's who signs.
    OWN_SPF = "SPF"
    OWN_DKIM = "DKIM of the provider"


# Their value is a description: the record itself is somebody else's to name.
DESCRIBED: Final = frozenset({Part.TRACKING, Part.REPLIES, Part.OWN_SPF, Part.OWN_DKIM})


@dataclass(frozen=True, slots=True)
class Check:
    """One record: `value` is the one to add, `seen` what DNS holds under `name`, `words` say what it means."""

    part: str
    name: str
    type: str
    value: str
    verdict: str
    seen: tuple[str, ...] = ()
    words: str = ""

    @property
    def is_described(self) -> bool:
        """Whether the value tells what has to be there, and is no text to copy."""
        return self.part in DESCRIBED


@dataclass(frozen=True, slots=True)
class Dmarc:
    """A policy; strict alignment wants the very same domain, relaxed (the default) one of the same organisation."""

    policy: str
    is_spf_strict: bool
    is_dkim_strict: bool
    has_reports: bool


def dkim(seen: Sequence[str], wanted: str) -> tuple[Verdict, str]:
    """Judge one of the CNAMEs by which Amazon signs."""
    if wanted.lower() in seen:
        return Verdict.FOUND, ""
    if seen:
        return Verdict.WRONG, f"It points to {seen[0]}. Amazon's key is not there."
    return Verdict.MISSING, "Without all three, mail is not signed in your name."


def mail_from_mx(seen: Sequence[str], wanted: str) -> tuple[Verdict, str]:
    """Judge the MX of the domain that bounces go to: Amazon wants its own and no other."""
    hosts = [text.partition(" ")[2] for text in seen]
    host = wanted.partition(" ")[2].lower()
    if hosts == [host]:
        return Verdict.FOUND, ""
    if host in hosts:
        return Verdict.WRONG, "There are other MX records besides; Amazon wants exactly one here."
    if hosts:
        return Verdict.WRONG, f"It points to {hosts[0]}; bounces would not reach Amazon."
    return Verdict.MISSING, "Until it is there, Amazon uses its own domain, and SPF does not speak for yours."


def spf(seen: Sequence[str]) -> tuple[Verdict, str]:
    """Judge the SPF record of the MAIL FROM domain."""
    terms, fault = _spf_terms(seen)
    if fault:
        return fault
    if AMAZON_SPF not in [term.lstrip("+") for term in terms]:
        return Verdict.WRONG, f"It does not name Amazon: add {AMAZON_SPF}."
    if _OPEN & set(terms):
        return Verdict.WRONG, "It ends with +all, which lets everybody send in your name. Use ~all."
    return Verdict.FOUND, ""


def own_spf(seen: Sequence[str]) -> tuple[Verdict, str]:
    """Judge the SPF record of a domain whose mail an SMTP server sends. Whom it has to name is not known here."""
    terms, fault = _spf_terms(seen)
    if fault:
        return fault
    if unknown := next(
        (term for term in terms if not (_ASKING.fullmatch(term) or _SILENT.fullmatch(term))), ""
    ):
        return Verdict.WRONG, f"It has an error at {unknown}; then none of it counts."
    if _OPEN & set(terms):
        return Verdict.WRONG, "It ends with +all, which lets everybody send in your name. Use ~all."
    if not set(terms) - _CLOSED:
        return (
            Verdict.WRONG,
            "It names no server at all, so that nobody may send. Add what your provider names.",
        )
    if sum(bool(_ASKING.fullmatch(term)) for term in terms) > MOST_SPF_QUESTIONS:
        return Verdict.WRONG, f"More than {MOST_SPF_QUESTIONS} of its terms ask DNS; then none of it counts."
    return (
        Verdict.FOUND,
        "Whether it names the servers of your provider cannot be known from here: compare it.",
    )


def _spf_terms(seen: Sequence[str]) -> tuple[list[str], tuple[Verdict, str] | None]:
    """Return the terms of the one record that there has to be, or what is wrong."""
    found = [text for text in seen if text.lower().split(" ", 1)[0] == "v=spf1"]
    if not found:
        return [], (Verdict.MISSING, "No server is allowed to send for this domain yet.")
    if len(found) > 1:
        return [], (
            Verdict.WRONG,
            "There are several SPF records; together they count as an error. Keep one.",
        )
    return found[0].lower().split()[1:], None


def dmarc(own: Sequence[str], parent: Sequence[str] = ()) -> tuple[Verdict, str, Dmarc | None]:
    """Judge the policy of a domain, or the one of a domain above it, which holds where it has none itself."""
    found, is_inherited = _policies(own), False
    if not found:
        found, is_inherited = _policies(parent), True
    if not found:
        return Verdict.MISSING, "Large mailbox providers refuse bulk mail of a domain without a policy.", None
    if len(found) > 1:
        return Verdict.WRONG, "There are several policies; then none of them counts. Keep one.", None
    tags = _tags(found[0])
    policy = tags.get("sp", tags.get("p", "")) if is_inherited else tags.get("p", "")
    if policy not in POLICIES:
        return Verdict.WRONG, "It names no policy: p= must be none, quarantine or reject.", None
    made = Dmarc(policy, tags.get("aspf") == "s", tags.get("adkim") == "s", bool(tags.get("rua")))
    words = "It is the policy of a domain above. " if is_inherited else ""
    if policy == "none":
        words += "p=none only watches. When the reports show no mail of yours failing, set p=quarantine."
    elif not made.has_reports:
        words += "Without rua= nobody tells you who sends in your name."
    return Verdict.FOUND, words.strip(), made


def tracking(cnames: Sequence[str], addresses: Sequence[str], amazon: str) -> tuple[Verdict, str]:
    """Judge the host that links of tracked mail lead to. Amazon itself has no certificate for a name of yours."""
    if amazon in cnames:
        words = (
            "It points at Amazon itself, which has no certificate for this name, but links are https. Put a content "
            f"delivery network with a certificate before it, which passes on to {amazon}."
        )
        return Verdict.WRONG, words
    if cnames or addresses:
        where = (*cnames, *addresses)[0]
        return Verdict.FOUND, f"It leads to {where}, which has to pass on to {amazon}."
    return Verdict.MISSING, "Links in tracked mails lead nowhere until it is there."


def replies(mx: Sequence[str], addresses: Sequence[str]) -> tuple[Verdict, str]:
    """Judge whether the domain of the sender can get mail: Microsoft wants a sender that answers can reach."""
    if mx and not any(text.partition(" ")[2] in {"", "."} for text in mx):
        return Verdict.FOUND, ""
    if mx:
        return Verdict.WRONG, "The domain says that it takes no mail (a null MX). Replies would be lost."
    if addresses:
        return Verdict.FOUND, "There is no MX; mail goes to the address of the domain itself."
    return Verdict.MISSING, "Nobody takes the domain's mail: name the servers of your mailboxes as MX."


def parents_of(domain: str) -> list[str]:
    """Return the domains whose policy may hold for a subdomain that has none, the nearest first.

    RFC 7489 asks the list of public suffixes. Here the last three labels are asked, for example.co.uk, and then the
    last two; a suffix that nobody owns has no policy.
    """
    labels = domain.split(".")
    return [".".join(labels[-size:]) for size in (3, 2) if len(labels) > size]


def has_policy(texts: Sequence[str]) -> bool:
    """Return whether one of these TXT records is a DMARC policy."""
    return bool(_policies(texts))


def _policies(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if name.strip()}
