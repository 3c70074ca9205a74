"""Which papers there are, what each rests on, and who writes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .blocks import Block
from .facts import Facts
from .questions import Answers
from .texts import data_inventory, dpia, lia, notices, processors, retention, ropa, third_parties, tia

Writer = Callable[[Facts, Answers], list[Block]]
BASIC: Final = ("controller", "amazon")


@dataclass(frozen=True, slots=True)
class Kind:
    """One paper. It sees the facts of `groups` alone, so its fingerprint covers all that it says."""

    key: str
    title: str
    what: str
    groups: tuple[str, ...]
    write: Writer


_ALL: Final = (
    Kind(
        "ropa", "Record of processing activities", "Art. 30(1): purposes, people, data, recipients, transfers, time limits, security",
        (*BASIC, "tracking", "hosting", "people", "fields", "campaigns", "webhooks", "retention"), ropa.write,
    ),
    Kind(
        "dpia", "Data protection impact assessment", "Art. 35(7): tracking, retention, unsubscribing, risks and measures",
        (*BASIC, "tracking", "people", "fields", "campaigns", "retention", "inactive"), dpia.write,
    ),
    Kind(
        "tia", "Transfer impact assessment", "What of Amazon's work may be reached from outside the European Economic Area",
        (*BASIC, "tracking", "campaigns", "hosting"), tia.write,
    ),
    Kind(
        "lia", "Weighing of legitimate interests", "Art. 6(1)(f): service and security notices, existing customers",
        (*BASIC, "people", "campaigns"), lia.write,
    ),
    Kind(
        "processors", "Processors and sub-processors", "Art. 28: with contracts, their references and dates",
        (*BASIC, "tracking", "campaigns", "hosting", "webhooks"), processors.write,
    ),
    Kind("retention", "Retention schedule", "What is kept for how long, and why", (*BASIC, "retention"), retention.write),
    Kind(
        "privacy-notice", "Text for the privacy notice", "Art. 13 and 14: paragraphs to put into yours",
        (*BASIC, "tracking", "campaigns", "retention"), notices.privacy_notice,
    ),
    Kind(
        "consent-texts", "Texts of consent", "What people are shown when they agree",
        (*BASIC, "forms", "lists"), notices.consent_texts,
    ),
    Kind(
        "third-parties", "Third-party domains and cookies", "What readers, users and the server get in touch with",
        (*BASIC, "tracking", "campaigns", "hosting", "browser", "webhooks"), third_parties.write,
    ),
    Kind(
        "data-inventory", "Data inventory", "Every column of the database that holds something about people",
        (*BASIC, "hosting", "fields"), data_inventory.write,
    ),
)  # fmt: skip
KINDS: Final = {kind.key: kind for kind in _ALL}
