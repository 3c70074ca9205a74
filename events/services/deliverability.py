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
from campaigns.sending import quota, smtp
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
HOW_TO_SEE: Final = (
    "Cannot be known from here: only your provider knows its selector. Ask it, or look in the source of a mail that "
    "you got: Authentication-Results has dkim=pass with your domain."
)
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
    senders = Sender.objects.order_by("pk").values_list("address", flat=True)[:200]
    if smtp.server() is not None:
        # Each vouches for itself: there is no identity above that signs.
        own = [
            name for name in (row.sender_address, *senders) if name and not providers.is_providers_own(name)
        ]
        return list(dict.fromkeys(name.rpartition("@")[2].lower() for name in own))[:MOST_DOMAINS]
    found = [name for name in provisioning.wanted().identities if "@" not in name]
    found += [name for name in row.verified_identities if "@" not in name]
    for address in senders:
        domain = address.rpartition("@")[2].lower()
        # Amazon signs the subdomains of a domain that it knows, and nobody else signs for a mailbox provider.
        is_known = any(domain == name or domain.endswith(f".{name}") for name in found)
        if not is_known and not providers.is_providers_own(address):
            found.append(domain)
    return list(dict.fromkeys(name.lower() for name in found))[:MOST_DOMAINS]


def look_if_due() -> bool:
    """Look once a day; return whether it was time and nobody was at it. Not in a trial: there is nothing to see."""
    last = following.read_until(JOB)
    is_due = last is None or clock.now() - last >= EVERY or _was_for_another_carrier()
    if not is_due or installation.is_sandbox() or not begin():
        return False
    look()
    return True


def _was_for_another_carrier() -> bool:
    """Whether what was kept asks for records of Amazon where an SMTP server sends now, or the other way round."""
    is_smtp = smtp.server() is not None
    kept = DomainLook.objects.values_list("checks", flat=True)
    return any(is_smtp is not any(check["part"] == Part.OWN_SPF for check in checks) for checks in kept)


def look() -> None:
    """Read the account and look at every domain; what fails is kept with its words. Forgets domains that are gone.

    What Amazon says of the identities is noted first: somebody may be waiting for it. Where an SMTP server sends,
    Amazon is not asked at all.
    """
    work = Work(clock.now())
    with following.window(JOB), following.window(verifying.JOB):
        try:
            row = quota.refresh()
        except EXPECTED as error:
            work.error, row = str(error), installation.get()
        found = domains(row)
        if smtp.server() is None:
            answers = verifying.ask([*found, *verifying.names(row)])
            row = verifying.note(answers)
            for domain in found:
                _keep_of_amazon(domain, answers[domain], row)
        else:
            for domain in found:
                _keep(domain, _questions_of_smtp(domain), row)
        DomainLook.objects.exclude(pk__in=found).delete()
    work.is_done = True
    memo.keep({KEY: work}, KEPT_S)


def _keep_of_amazon(domain: str, answer: verifying.Answer, row: Installation) -> None:
    region = installation.region(row)
    if isinstance(answer, identity.Identity):
        questions = _questions(domain, answer.dns, region)
        _keep(domain, questions, row, is_verified=answer.is_verified)
    else:
        records = identity.records_without_keys(domain, region, choices.mail_from_domain(domain))
        _keep(domain, _questions(domain, records, region), row, error=str(answer))


def _keep(
    domain: str,
    questions: Iterable["_Question"],
    row: Installation,
    *,
    is_verified: bool = False,
    error: str = "",
) -> None:
    at = clock.now()
    checks, policy = _checks(questions, asks=not installation.is_sandbox(row))
    values = {
        "at": at,
        "is_verified": is_verified,
        "checks": [dataclasses.asdict(check) for check in checks],
        "dmarc": dataclasses.asdict(policy) if policy else {},
        "error": error[:500],
    }
    DomainLook.objects.update_or_create(domain=domain, defaults=values)


def _checks(questions: Iterable["_Question"], *, asks: bool) -> tuple[list[Check], sender_dns.Dmarc | None]:
    looker = _Looker(asks=asks)
    # DNS that is away takes its time for every question: they are asked side by side.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(looker.look, questions))
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
    yield _replies(domain)


def _questions_of_smtp(domain: str) -> Iterator[_Question]:
    """What can be asked where an SMTP server sends: the envelope names the sender's own domain."""
    servers = "v=spf1 with the servers that your provider names, and at its end ~all"
    yield _Question(Part.OWN_SPF, domain, "TXT", servers, domain)
    key = "the key that your provider signs with, under the name that it tells you"
    yield _Question(Part.OWN_DKIM, f"<selector>._domainkey.{domain}", "TXT or CNAME", key, domain)
    yield _Question(Part.DMARC, f"_dmarc.{domain}", "TXT", identity.DMARC.format(domain=domain), domain)
    yield _replies(domain)


def _replies(domain: str) -> _Question:
    return _Question(Part.REPLIES, domain, "MX", "the servers of your own mailboxes", domain)


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
        if part is Part.OWN_DKIM:
            return dataclasses.replace(blank, words=HOW_TO_SEE)
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
        if part in {Part.SPF, Part.OWN_SPF}:
            # A domain's own TXT records are for many things.
            seen = [text for text in names.look_up(name, "TXT") if text.lower().startswith("v=spf1")]
            return seen, (sender_dns.spf if part is Part.SPF else sender_dns.own_spf)(seen)
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
