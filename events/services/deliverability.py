"""Looking at the sending domains: what Amazon SES says of each, and what DNS holds. A worker does it, daily or asked.

Each domain's look is kept, so that the page needs nobody to answer; what Amazon refused is kept with it. In a trial
nothing leaves the machine: DNS is not asked.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from campaigns.models import Sender
from campaigns.sending import quota
from events import providers, sender_dns
from events.models import DomainLook
from events.sender_dns import Check, Part, Verdict
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import identity
from mailplatform.aws.errors import AccountUnreadableError
from mailplatform.aws.provision import wanted as choices
from mailplatform.core import clock, memo
from mailplatform.core.outbound import names

from . import following, provisioning, verifying

JOB: Final = "deliverability"
EVERY: Final = timedelta(hours=24)
KEY: Final = "deliverability:look"
KEPT_S: Final = 24 * 3600
# A worker that was killed tells nobody.
GIVEN_UP: Final = timedelta(minutes=3)
MOST_DOMAINS: Final = 10
AT_ONCE: Final = 8
TRIAL: Final = "This is a trial on this machine: DNS is not asked."
EXPECTED: Final = (AccountUnreadableError, *verifying.EXPECTED)


@dataclasses.dataclass
class Work:
    """A look that was asked for: since when, whether it ended, and what Amazon refused."""

    began_at: datetime
    is_done: bool = False
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a worker is at it, as far as one can know."""
        return not self.is_done and clock.now() - self.began_at < GIVEN_UP


def state() -> Work | None:
    """Return the look that was asked for last, if it was within a day."""
    found: Work | None = memo.recall([KEY]).get(KEY)
    return found


def begin() -> bool:
    """Note that a worker is going to look; False where one is at it."""
    if (before := state()) and before.is_running:
        return False
    memo.keep({KEY: Work(clock.now())}, KEPT_S)
    return True


def give_up() -> None:
    """Note that nobody looks after all."""
    memo.forget(KEY)


def domains(row: Installation) -> list[str]:
    """Return the domains that mail is sent from: of the settings, of Amazon's list and of senders in use."""
    found = [name for name in provisioning.wanted().identities if "@" not in name]
    found += [name for name in row.verified_identities if "@" not in name]
    for address in Sender.objects.order_by("pk").values_list("address", flat=True)[:200]:
        domain = address.rpartition("@")[2].lower()
        # Amazon signs the subdomains of a domain that it knows, and nobody else signs for a mailbox provider.
        is_known = any(domain == name or domain.endswith(f".{name}") for name in found)
        if not is_known and not providers.is_providers_own(address):
            found.append(domain)
    return list(dict.fromkeys(name.lower() for name in found))[:MOST_DOMAINS]


def look_if_due() -> bool:
    """Look once a day; return whether it was time and nobody was at it. Not in a trial: there is nothing to see."""
    last = following.read_until(JOB)
    is_due = last is None or clock.now() - last >= EVERY
    if not is_due or installation.is_sandbox() or not begin():
        return False
    look()
    return True


def look() -> None:
    """Read the account and look at every domain; what fails is kept with its words. Forgets domains that are gone.

    What Amazon says of the identities is noted first: somebody may be waiting for it.
    """
    work = Work(clock.now())
    with following.window(JOB), following.window(verifying.JOB):
        try:
            row = quota.refresh()
        except EXPECTED as error:
            work.error, row = str(error), installation.get()
        found = domains(row)
        answers = verifying.ask([*found, *verifying.names(row)])
        row = verifying.note(answers)
        for domain in found:
            _keep(domain, answers[domain], row)
        DomainLook.objects.exclude(pk__in=found).delete()
    work.is_done = True
    memo.keep({KEY: work}, KEPT_S)


def _keep(domain: str, answer: verifying.Answer, row: Installation) -> None:
    at, error, is_verified = clock.now(), "", False
    region = installation.region(row)
    if isinstance(answer, identity.Identity):
        records, is_verified = answer.dns, answer.is_verified
    else:
        error = str(answer)
        records = identity.records_without_keys(domain, region, choices.mail_from_domain(domain))
    checks, policy = _checks(domain, records, region, asks=not installation.is_sandbox(row))
    values = {
        "at": at,
        "is_verified": is_verified,
        "checks": [dataclasses.asdict(check) for check in checks],
        "dmarc": dataclasses.asdict(policy) if policy else {},
        "error": error[:500],
    }
    DomainLook.objects.update_or_create(domain=domain, defaults=values)


def _checks(
    domain: str, records: Iterable[identity.Record], region: str, *, asks: bool
) -> tuple[list[Check], sender_dns.Dmarc | None]:
    looker = _Looker(asks=asks)
    # DNS that is away takes its time for every question: they are asked side by side.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(looker.look, _questions(domain, records, region)))
    return found, looker.policy


class _Question(NamedTuple):
    """A record to look at; `about` is the domain, or for tracking the host at Amazon."""

    part: Part
    name: str
    kind: str
    value: str
    about: str


def _questions(domain: str, records: Iterable[identity.Record], region: str) -> Iterator[_Question]:
    for record in records:
        yield _Question(_part_of(record), record.name, record.type, record.value, domain)
    tracked = provisioning.wanted().tracking_domain
    if tracked.endswith(f".{domain}"):
        amazon = f"r.{region}.awstrack.me"
        value = f"the host of your content delivery network, which passes on to {amazon}"
        yield _Question(Part.TRACKING, tracked, "CNAME", value, amazon)
    yield _Question(Part.REPLIES, domain, "MX", "the servers of your own mailboxes", domain)


def _part_of(record: identity.Record) -> Part:
    if record.type == "CNAME":
        return Part.DKIM
    if record.type == "MX":
        return Part.MX
    return Part.DMARC if record.name.startswith("_dmarc.") else Part.SPF


class _Looker:
    """Asks DNS for records, and keeps the policy that it met."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks
        self.policy: sender_dns.Dmarc | None = None

    def look(self, question: _Question) -> Check:
        part, name, kind, value, about = question
        blank = Check(part, name, kind, value, Verdict.UNKNOWN, words=TRIAL)
        if not self._asks:
            return blank
        try:
            seen, (verdict, words) = self._judge(part, name, value, about)
        except names.Unanswered as error:
            return dataclasses.replace(blank, words=str(error))
        return dataclasses.replace(blank, verdict=verdict, words=words, seen=tuple(seen)[:5])

    def _judge(self, part: Part, name: str, value: str, about: str) -> tuple[list[str], tuple[Verdict, str]]:
        if part is Part.DKIM:
            seen = names.look_up(name, "CNAME")
            return seen, sender_dns.dkim(seen, value)
        if part is Part.MX:
            seen = names.look_up(name, "MX")
            return seen, sender_dns.mail_from_mx(seen, value)
        if part is Part.SPF:
            seen = names.look_up(name, "TXT")
            return seen, sender_dns.spf(seen)
        if part is Part.DMARC:
            return self._dmarc(name, about)
        if part is Part.TRACKING:
            seen = names.look_up(name, "CNAME")
            return seen, sender_dns.tracking(seen, _addresses(name), about)
        seen = names.look_up(name, "MX")
        return seen, sender_dns.replies(seen, _addresses(name))

    def _dmarc(self, name: str, domain: str) -> tuple[list[str], tuple[Verdict, str]]:
        seen = names.look_up(name, "TXT")
        above: list[str] = []
        for parent in [] if sender_dns.has_policy(seen) else sender_dns.parents_of(domain):
            if sender_dns.has_policy(above := names.look_up(f"_dmarc.{parent}", "TXT")):
                break
        verdict, words, self.policy = sender_dns.dmarc(seen, above)
        return seen or above, (verdict, words)


def _addresses(name: str) -> list[str]:
    return names.look_up(name, "A") or names.look_up(name, "AAAA")
