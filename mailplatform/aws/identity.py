"""The sending identity in SES: whether it may send, and the DNS records that it needs.

https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

from dataclasses import dataclass
from typing import Any, Final

from .control import wait_turn
from .session import Connection, client
from .steps import AwsCallError, plain_errors

PATIENCE_SECONDS: Final = 60.0
# Until the reports have been read; then quarantine or reject.
DMARC: Final = "v=DMARC1; p=none; rua=mailto:postmaster@{domain}"


class NoSuchIdentityError(AwsCallError):
    """SES knows no identity of this name."""


@dataclass(frozen=True, slots=True)
class Record:
    """A DNS record to add."""

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.value}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What SES knows of an identity, and every DNS record that its domain should have.

    `is_undecided` while a fault of Amazon's keeps it from telling whether the identity is verified.
    """

    name: str
    is_verified: bool
    has_mail_from: bool
    dns: tuple[Record, ...] = ()
    is_undecided: bool = False

    @property
    def to_do(self) -> str:
        """Say what its owner has to do, or nothing."""
        if self.is_verified and (self.has_mail_from or "@" in self.name):
            return ""
        if "@" in self.name:
            return f"{self.name} is not verified yet. Click the link in the mail that Amazon has sent there."
        what = "custom MAIL FROM waits" if self.is_verified else "is not verified yet"
        return f"{self.name} {what}. These DNS records have to be there: {'; '.join(map(str, self.dns))}"


@plain_errors()
def state(connection: Connection, name: str) -> Identity:
    """Ask SES for one identity. Raises NoSuchIdentityError and other steps.AwsCallError."""
    wait_turn(connection, patience=PATIENCE_SECONDS)
    ses = client(connection, "sesv2")
    try:
        answer = ses.get_email_identity(EmailIdentity=name)
    except ses.exceptions.NotFoundException as error:
        message = f"Amazon refused GetEmailIdentity: NotFoundException: there is no identity {name}"
        raise NoSuchIdentityError(message) from error
    mail_from = answer.get("MailFromAttributes") or {}
    return Identity(
        name,
        bool(answer.get("VerifiedForSendingStatus")),
        mail_from.get("MailFromDomainStatus") == "SUCCESS",
        _records(name, connection.region, answer.get("DkimAttributes") or {}, mail_from),
        answer.get("VerificationStatus") == "TEMPORARY_FAILURE",
    )


def records_without_keys(name: str, region: str, mail_from: str) -> tuple[Record, ...]:
    """Return the records of a domain that can be told without asking SES: all but the three of DKIM."""
    return _records(name, region, {}, {"MailFromDomain": mail_from})


def verified_identities(connection: Connection) -> list[str]:
    """Return the names of all identities that may send now."""
    pages = _pages(connection)
    return sorted(item["IdentityName"] for item in pages if item.get("SendingEnabled"))


def _pages(connection: Connection) -> list[dict[str, str]]:
    # botocore offers no paginator for this one.
    ses, found, token = client(connection, "sesv2"), [], None
    while True:
        wait_turn(connection, patience=PATIENCE_SECONDS)
        answer = ses.list_email_identities(PageSize=100, **({"NextToken": token} if token else {}))
        found += answer["EmailIdentities"]
        token = answer.get("NextToken")
        if not token:
            return found


def _records(name: str, region: str, dkim: dict[str, Any], mail_from: dict[str, Any]) -> tuple[Record, ...]:
    if "@" in name:
        return ()
    found = []
    if dkim.get("SigningAttributesOrigin") != "EXTERNAL":
        # SES says which zone the keys are in; it is not the same in every Region.
        zone = dkim.get("SigningHostedZone") or "dkim.amazonses.com"
        tokens = dkim.get("Tokens") or []
        found = [Record(f"{token}._domainkey.{name}", "CNAME", f"{token}.{zone}") for token in tokens]
    if bounces := mail_from.get("MailFromDomain"):
        found.append(Record(bounces, "MX", f"10 feedback-smtp.{region}.amazonses.com"))
        found.append(Record(bounces, "TXT", "v=spf1 include:amazonses.com ~all"))
    found.append(Record(f"_dmarc.{name}", "TXT", DMARC.format(domain=name)))
    return tuple(found)
