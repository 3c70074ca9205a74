"""The weighing of legitimate interests, Art. 6(1)(f), for service and security notices and for existing customers."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import who


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write the weighing in the usual three steps."""
    return [
        who(facts, answers),
        Heading("What rests on it"),
        Table(
            ["Processing", "In use"],
            [
                ["Service and security notices", facts.value("campaigns", "service") or "no"],
                [
                    "Marketing to existing customers (Art. 13(2) ePrivacy Directive)",
                    facts.value("people", "soft_opt_in") or "no",
                ],
                ["List of who gets no mail, as keyed hashes", "yes"],
                ["Audit log of users", "yes"],
            ],
        ),
        Heading("1. The interest"),
        Para(answered(answers, "lia_interest")),
        Points(
            [
                "To tell people what concerns the security or the working of a service that they use",
                "To tell customers of own and similar products, where they were told so at the sale and did not object",
                "To keep a no for ever, so that nobody who left is mailed again (Art. 21(3), recital 47)",
            ]
        ),
        Heading("2. Is it necessary?"),
        Points(
            [
                "A notice needs the address and nothing more; notices are never tracked",
                "A keyed hash is enough to keep a no: it names nobody and holds no address",
                "A milder means is not at hand where the mail is the way to reach a customer",
            ]
        ),
        Heading("3. The interests of people"),
        Points(
            [
                "They expect notices of a service that they use, and mail of a shop at which they bought",
                "Each person is on this basis only with evidence: an import or a call must name the assessment, or order and date",
                "Everybody can object at any time, free, by one click in each mail, and it holds at once (Art. 21)",
                "National law narrows soft opt-in: § 7(3) UWG, L34-5 CPCE, Art. 130(4) of the Italian Code. Check yours",
            ]
        ),
        Heading("Result"),
        Table(
            ["Asked", "Answer"],
            [["Result", answered(answers, "lia_result")], ["Next review", answered(answers, "review")]],
        ),
    ]
