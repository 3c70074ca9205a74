"""What the page on deliverability shows: from looks that were kept, digests and settings. Nobody outside is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from campaigns.models import Sender
from campaigns.sending import smtp
from events import mailbox_rules, providers
from events.mailbox_rules import Domain, Known
from events.models import DomainLook
from events.sender_dns import Check, Verdict
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation

from . import reputation

FIGURES_DAYS = 30
_WORST = (Verdict.WRONG, Verdict.MISSING, Verdict.UNKNOWN, Verdict.FOUND)


@dataclass(frozen=True, slots=True)
class Looked:
    """A domain as it was looked at last, its checks read."""

    look: DomainLook
    checks: list[Check]

    @property
    def amiss(self) -> list[Check]:
        """The records that are missing or wrong."""
        return [check for check in self.checks if check.verdict in {Verdict.MISSING, Verdict.WRONG}]

    @property
    def faults(self) -> int:
        """How many these are."""
        return len(self.amiss)


def looked() -> list[Looked]:
    """Return the last look at every domain (one query)."""
    return [Looked(row, checks_of(row)) for row in DomainLook.objects.order_by("domain")]


def checks_of(row: DomainLook) -> list[Check]:
    """Return the kept checks of a domain."""
    return [Check(**{**item, "seen": tuple(item["seen"])}) for item in row.checks]


def judge(row: Installation, found: Sequence[Looked], bounce_limit: float) -> list[mailbox_rules.Provider]:
    """Hold the rules of the large providers against what is known here (two queries)."""
    addresses = Sender.objects.order_by("pk").values_list("address", flat=True)[:200]
    borrowed = [address for address in addresses if providers.is_providers_own(address)]
    known = Known(
        domains=[_domain(each) for each in found],
        borrowed=borrowed,
        must_be_encrypted=settings.SES_TLS_POLICY == "REQUIRE",
        has_https=installation.public_url(row).startswith("https://"),
        figures={each.name: each.figures for each in reputation.by_provider(FIGURES_DAYS)},
        bounce_limit=bounce_limit,
        is_by_smtp=smtp.server() is not None,
    )
    return mailbox_rules.judge(known)


def _domain(found: Looked) -> Domain:
    records: dict[str, Verdict] = {}
    for verdict in reversed(_WORST):
        records |= {check.part: verdict for check in found.checks if check.verdict == verdict}
    policy = found.look.dmarc
    return Domain(
        found.look.domain,
        records,
        is_spf_strict=bool(policy.get("is_spf_strict")),
        is_dkim_strict=bool(policy.get("is_dkim_strict")),
    )
