"""Texts for others to read: the paragraph for a privacy notice, and the wordings of consent that are in use."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    amazon_counts,
    counts_itself,
    filled,
    has_exceptions,
    is_local,
    is_measured,
    place,
    smtp_host,
    tracking_host,
    uses_amazon,
)


def privacy_notice(facts: Facts, answers: Answers) -> list[Block]:
    """Write the paragraphs that belong into the controller's privacy notice (Art. 13 and 14)."""
    return [
        Heading("Newsletter and e-mail"),
        Para(f"Controller: {filled(facts, 'controller', 'company', 'company')}, {filled(facts, 'controller', 'address', 'postal address')}."),
        Para(answered(answers, "contact")),
        Para(answered(answers, "dpo")),
        Para(
            "If you subscribe, we process your e-mail address and what else you enter in order to send you our mail. The basis is your "
            "consent (Art. 6(1)(a) GDPR). To prove it we keep the wording, the time, and the network part of your IP address. "
            "Mail that a contract with you needs rests on Art. 6(1)(b) GDPR, security and service notices on Art. 6(1)(f) GDPR."
        ),
        Para(answered(answers, "purposes")),
        Para(_tracking(facts)),
        *([Para(answered(answers, "tracking_host"))] if tracking_host(facts) else []),
        Heading("Who sends our mail"),
        *_sender(facts, answers),
        Heading("How long"),
        Points([f"{fact.label}: {fact.value}. {fact.note}".strip() for fact in facts.group("retention")]),
        Heading("Your rights"),
        Para(
            "You can unsubscribe at any time by the link in every mail, and choose there how often you hear from us. You can withdraw each consent "
            "for the future, object to advertising at any time, and ask for access, correction, erasure, restriction and your data in a "
            "portable form. You can complain to a supervisory authority."
        ),
        Para(answered(answers, "authority")),
        Heading("Cookies"),
        Para(
            "The pages that our mail leads to (unsubscribing, preferences, sign-up) set no cookies, and sending mail sets none on our "
            "website either, so no entry in a cookie notice is needed for it."
        ),
    ]  # fmt: skip


def _tracking(facts: Facts) -> str:
    host = tracking_host(facts)
    by_way = f" by way of {host}" if host else ""
    older = f"still contact Amazon{by_way}, and once you have withdrawn we store nothing of that any more."
    if not is_measured(facts):
        text = "We do not measure whether you open our mail or follow its links."
        return f"{text} Mails that we sent before {older}" if amazon_counts(facts) else text
    text = (
        "Only if you agree to it apart do we record when you open our mail, and which links you follow. A pixel and redirects of "
        f"{'our own site' if counts_itself(facts) else f'Amazon Web Services{by_way}'} do this; we store neither your IP address nor your "
        "mail program. You can withdraw it apart from the mailing."
    )
    if not counts_itself(facts):
        return f"{text} Mails already sent {older}"
    text += " That holds for mails already sent as well: we store nothing of them any more."
    return f"{text} Mails from the time before we counted ourselves {older}" if amazon_counts(facts) else text


def _sender(facts: Facts, answers: Answers) -> list[Block]:
    host = smtp_host(facts)
    if not host:
        return [Para(_amazon(facts))]
    text = f"We send our mail through the mail server {host}. The content of the mail and your address are processed there."
    if uses_amazon(facts):
        text += " Amazon Web Services (AWS) does not send it; what AWS still keeps for us stands in our list of processors."
    if has_exceptions(facts):
        text += f" Further places outside the European Economic Area: {facts.value('amazon', 'exceptions')}."
    return [Para(text), Para(answered(answers, "smtp_runner")), Para(answered(answers, "smtp_transfers"))]


def _amazon(facts: Facts) -> str:
    if is_local(facts):
        return "At present no provider: this installation works with a local sandbox, and no mail leaves it."
    text = (
        f"We use Amazon SES of Amazon Web Services (AWS) as our processor, in its Region {place(facts)}. The content of the mail and "
        "your address are processed there. Access from outside the European Economic Area by AWS rests on the Standard Contractual "
        "Clauses in the data processing addendum of AWS and on its certification under the EU-US Data Privacy Framework."
    )
    if has_exceptions(facts):
        text += f" Further places outside the European Economic Area: {facts.value('amazon', 'exceptions')}."
    return text


def consent_texts(facts: Facts, _answers: Answers) -> list[Block]:
    """Write the wordings that people are shown, as they are now; the register keeps every version."""
    rows = [[fact.label, fact.value, fact.note] for fact in facts.group("forms")]
    return [
        Heading("Wordings in use"),
        Table(["Where", "Wording", "Note"], rows or [["no sign-up form yet", "", ""]]),
        Heading("What makes them valid"),
        Points(
            [
                "Boxes are empty at first; each purpose has one of its own; leaving tracking empty changes nothing about the mail",
                "The register keeps the exact wording by its hash, its version and language, with time, form and method",
                "A form that shows older words takes no consent, but shows the new ones",
                "With double opt-in nothing counts before the click in the mail",
            ]
        ),
        Heading("Lists"),
        Table(
            ["List", "Confirmation"],
            [[f.label, f.value] for f in facts.group("lists")] or [["no list yet", ""]],
        ),
        Heading("A sentence to add where you collect addresses"),
        Para(
            f"{filled(facts, 'controller', 'company', 'company')} sends its mail {_by(facts)}. "
            "You can unsubscribe at any time by the link in every mail."
        ),
    ]


def _by(facts: Facts) -> str:
    if host := smtp_host(facts):
        return f"through the mail server {host}"
    return f"by Amazon SES (Amazon Web Services), in {place(facts)}"
