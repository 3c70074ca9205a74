"""What an operator may choose, and the names that follow from it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
RULE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
CAMPAIGN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EXPRESSION: Final = re.compile(r"(rate|cron)\([^()\"\\]{3,80}\)")
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
    """A choice cannot be carried out; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule: at these times, tell this site to start a copy of a campaign.

    `expression` is EventBridge's, in UTC: `rate(7 days)` or `cron(0 7 ? * MON *)`. `campaign` is
    the id of the draft whose copies go out, as its address shows it.
    """

    name: str
    expression: str
    campaign: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The choices. `prefix` begins the name of every resource; `identities` are domains or addresses.

    `endpoint` is where this site takes events; `operations_address` gets mail when an alarm goes off. Buckets without
    a name get one made of prefix and account. `without` names PARTS.
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

    def check(self) -> None:
        """Raise `BadChoice` for what Amazon would refuse half-way."""
        if not PREFIX.fullmatch(self.prefix):
            raise BadChoice(
                f"The prefix {self.prefix!r} must have 1 to 40 small letters, digits and hyphens: it is part of "
                "every name at Amazon."
            )
        if unknown := self.without - PARTS.keys():
            raise BadChoice(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
        domains = [name for name in self.identities if "@" not in name]
        tracked = self.tracking_domain
        if tracked and not any(tracked.endswith(f".{domain}") for domain in domains):
            raise BadChoice(f"The tracking domain {tracked} must be a subdomain of a sending domain.")
        for item in self.schedules:
            if not RULE.fullmatch(item.name):
                raise BadChoice(
                    f"The schedule's name {item.name!r} must have 1 to 20 letters, digits and hyphens."
                )
            if not CAMPAIGN.fullmatch(item.campaign):
                raise BadChoice(
                    f"The schedule {item.name} needs the id of a campaign, not {item.campaign!r}."
                )
            if not EXPRESSION.fullmatch(item.expression):
                raise BadChoice(
                    f"The schedule {item.name} needs rate(…) or cron(…), not {item.expression!r}: see EventBridge."
                )
        if self.ip_pool == "ses-default-dedicated-pool":
            raise BadChoice("ses-default-dedicated-pool is Amazon's own pool: name another one.")


def events_topic(prefix: str) -> str:
    """Return the name of the topic for what happened to mail."""
    return f"{prefix}-ses-events"


def operations_topic(prefix: str) -> str:
    """Return the name of the topic for alarms. It is never the events' topic: that one is read by a program."""
    return f"{prefix}-operations"


def triggers_topic(prefix: str) -> str:
    """Return the name of the topic by which schedules reach this site."""
    return prefix + TRIGGERS


def dead_letters(prefix: str) -> str:
    """Return the name of the queue for events that could not be delivered."""
    return f"{prefix}-ses-events-dead"


def bucket_name(prefix: str, purpose: str, account_id: str) -> str:
    """Return the name of a bucket; bucket names are shared by the whole world, hence the account."""
    return f"{prefix}-{purpose}-{account_id}"


def mail_from_domain(identity: str) -> str:
    """Return the subdomain that bounces go to."""
    return f"{MAIL_FROM_LABEL}.{identity}"
