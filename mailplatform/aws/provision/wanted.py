"""What an operator may choose, and the names that follow from it. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .. import limits

PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
RULE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
CAMPAIGN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RATE: Final = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d{1,5}) (minutes|hours|days))\)")
# Minutes, hours, day of month, month, day of week, year; one of the two days must be left open by a question mark.
CRON: Final = re.compile(r"cron\(([0-9A-Z*,/#LW?-]+ ){5}[0-9*,/-]+\)")
# An event that a schedule raises, as outside systems read it.
EVENT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# What SES takes as the name of a pool or a tenant, S3 as that of a bucket, and DNS as that of a domain.
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
DOMAIN: Final = re.compile(
    r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{1,62}"
)
TLS_POLICIES: Final = ("REQUIRE", "OPTIONAL")
# How the name of the topic for schedules ends.
TRIGGERS: Final = "-triggers"
MAIL_FROM_LABEL: Final = "bounce"
# Parts that may be left out, with what they are for.
PARTS: Final[Mapping[str, str]] = {
    "buckets": "files and ledger checkpoints in S3",
    "monitoring": "alarms, dashboard and events as CloudWatch metrics",
    "subscription": "this site's subscription to the events",
}


class BadChoice(ValueError):
    """A choice cannot be carried out; the message says which and why, `field` names it as `Wanted` or `Schedule`."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule: at these times, tell this site to start a copy of a campaign, or to raise an event.

    `expression` is EventBridge's, in UTC: `rate(7 days)` or `cron(0 7 ? * MON *)`. `campaign` is
    the id of the draft whose copies go out, as its address shows it; or `event` names what outside systems are told.
    """

    name: str
    expression: str
    campaign: str = ""
    event: str = ""

    def check(self) -> None:
        """Raise `BadChoice` for what EventBridge or our endpoint would refuse."""
        if problem := next(self.problems(), None):
            raise problem

    def problems(self) -> Iterator[BadChoice]:
        """Yield what EventBridge or our endpoint would refuse."""
        if not RULE.fullmatch(self.name):
            text = f"The schedule's name {self.name!r} must have 1 to 20 letters, digits and hyphens."
            yield BadChoice(text, "name")
        if bool(self.campaign) == bool(self.event):
            text = f"The schedule {self.name} needs a campaign or an event, and not both."
            yield BadChoice(text, "campaign")
        elif self.campaign and not CAMPAIGN.fullmatch(self.campaign):
            text = f"The schedule {self.name} needs the id of a campaign, not {self.campaign!r}."
            yield BadChoice(text, "campaign")
        elif self.event and not EVENT.fullmatch(self.event):
            text = (
                f"The event {self.event!r} of the schedule {self.name} must have 1 to 64 small letters, digits, "
                "dots, hyphens and underscores."
            )
            yield BadChoice(text, "event")
        days = self.expression.split(" ")[2::2][:2]
        is_cron = CRON.fullmatch(self.expression) and days.count("?") == 1
        if not (is_cron or RATE.fullmatch(self.expression)):
            text = f"The schedule {self.name} needs rate(…) or cron(…), not {self.expression!r}: see EventBridge."
            yield BadChoice(text, "expression")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The choices. `prefix` begins the name of every resource; `identities` are domains or addresses.

    `endpoint` is where this site takes events; `operations_address` gets mail when an alarm goes off. Buckets without
    a name get one made of prefix and account, and without a Region that of all the rest. `without` names PARTS;
    `dropped` those of `ip_pool` and `tracking_domain` that were chosen once: they are taken off the sets.
    """

    prefix: str
    identities: tuple[str, ...]
    tls_policy: str = "REQUIRE"
    endpoint: str = ""
    operations_address: str = ""
    files_bucket: str = ""
    ledger_bucket: str = ""
    ip_pool: str = ""
    tenant: str = ""
    tracking_domain: str = ""
    schedules: tuple[Schedule, ...] = ()
    without: frozenset[str] = field(default_factory=frozenset)
    buckets_region: str = ""
    dropped: frozenset[str] = field(default_factory=frozenset)

    def check(self) -> None:
        """Raise `BadChoice` for what Amazon would refuse half-way."""
        if problem := next(self.problems(), None):
            raise problem

    def problems(self) -> Iterator[BadChoice]:
        """Yield what Amazon would refuse half-way."""
        for named, text in self._problems():
            yield BadChoice(text, named)
        for item in self.schedules:
            yield from item.problems()
        if len({item.name for item in self.schedules}) < len(self.schedules):
            yield BadChoice("Two schedules have one name.", "schedules")

    def _problems(self) -> Iterator[tuple[str, str]]:
        if not PREFIX.fullmatch(self.prefix):
            text = (
                f"The prefix {self.prefix!r} must have 1 to 40 small letters, digits and hyphens: it is part of "
                "every name at Amazon."
            )
            yield "prefix", text
        if unknown := self.without - PARTS.keys():
            text = f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}."
            yield "without", text
        if self.tls_policy not in TLS_POLICIES:
            text = f"The TLS policy is {self.tls_policy!r}: expected one of {', '.join(TLS_POLICIES)}."
            yield "tls_policy", text
        yield from self._name_problems()
        yield from self._domain_problems()

    def _name_problems(self) -> Iterator[tuple[str, str]]:
        for what, name in {"IP pool": self.ip_pool, "tenant": self.tenant}.items():
            if name and not NAME.fullmatch(name):
                text = f"The name {name!r} of the {what} must have 1 to 64 letters, digits, hyphens and underscores."
                yield what.lower().replace(" ", "_"), text
        if self.ip_pool == "ses-default-dedicated-pool":
            yield "ip_pool", "ses-default-dedicated-pool is Amazon's own pool: name another one."
        for named in ("files_bucket", "ledger_bucket"):
            name = getattr(self, named)
            if name and not BUCKET.fullmatch(name):
                text = (
                    f"The bucket's name {name!r} must have 3 to 63 small letters, digits, dots and hyphens."
                )
                yield named, text

    def _domain_problems(self) -> Iterator[tuple[str, str]]:
        for name in self.identities:
            if "@" in name:
                yield from _address_problems("identities", name)
            elif not DOMAIN.fullmatch(name):
                text = f"{name!r} is no domain to send from; write it in punycode where it has other letters."
                yield "identities", text
        if self.operations_address and "@" not in self.operations_address:
            yield "operations_address", f"{self.operations_address!r} is no address to mail alarms to."
        elif self.operations_address:
            yield from _address_problems("operations_address", self.operations_address)
        tracked = self.tracking_domain
        domains = [name for name in self.identities if "@" not in name]
        if tracked and not any(tracked.endswith(f".{domain}") for domain in domains):
            text = f"The tracking domain {tracked} must be a subdomain of a sending domain."
            yield "tracking_domain", text


def _address_problems(named: str, address: str) -> Iterator[tuple[str, str]]:
    try:
        limits.check_address(address)
    except limits.LimitError as error:
        yield named, str(error)


def events_topic(prefix: str) -> str:
    """Return the name of the topic for what happened to mail."""
    return f"{prefix}-ses-events"


def operations_topic(prefix: str) -> str:
    """Return the name of the topic for alarms. It is never the events' topic: that one is read by a program."""
    return f"{prefix}-operations"


def triggers_topic(prefix: str) -> str:
    """Return the name of the topic by which schedules reach this site."""
    return prefix + TRIGGERS


def rule_name(prefix: str, schedule: str) -> str:
    """Return the name of the rule of a schedule."""
    return f"{prefix}-{schedule}"


def dead_letters(prefix: str) -> str:
    """Return the name of the queue for events that could not be delivered."""
    return f"{prefix}-ses-events-dead"


def bucket_name(prefix: str, purpose: str, account_id: str) -> str:
    """Return the name of a bucket; bucket names are shared by the whole world, hence the account."""
    return f"{prefix}-{purpose}-{account_id}"


def mail_from_domain(identity: str) -> str:
    """Return the subdomain that bounces go to."""
    return f"{MAIL_FROM_LABEL}.{identity}"
