"""The sending identity in SES: a domain (with DKIM) or one address.

https://docs.aws.amazon.com/ses/latest/dg/creating-identities.html
"""

from dataclasses import dataclass

from .control import wait_turn
from .session import Connection, client
from .steps import Outcome, Report

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What SES knows of an identity. `dns` are the records that its domain still needs, as (name, type, value)."""

    name: str
    is_verified: bool
    dns: tuple[tuple[str, str, str], ...] = ()


def ensure_identity(connection: Connection, name: str, report: Report) -> Identity:
    """Register a domain or an address; says what its owner must do until SES believes it."""
    ses = client(connection, "sesv2")
    wait_turn(connection, patience=PATIENCE_SECONDS)
    try:
        answer = ses.get_email_identity(EmailIdentity=name)
        report(Outcome.EXISTED, f"sending identity {name}")
    except ses.exceptions.NotFoundException:
        ses.create_email_identity(EmailIdentity=name)
        report(Outcome.CREATED, f"sending identity {name}")
        wait_turn(connection, patience=PATIENCE_SECONDS)
        answer = ses.get_email_identity(EmailIdentity=name)
    found = Identity(
        name, bool(answer.get("VerifiedForSendingStatus")), _dns(name, answer.get("DkimAttributes") or {})
    )
    if not found.is_verified:
        report(Outcome.PENDING, _what_to_do(found))
    return found


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


def _dns(name: str, dkim: dict[str, object]) -> tuple[tuple[str, str, str], ...]:
    tokens = dkim.get("Tokens") or []
    if "@" in name or dkim.get("Status") == "SUCCESS" or not isinstance(tokens, list):
        return ()
    return tuple((f"{token}._domainkey.{name}", "CNAME", f"{token}.dkim.amazonses.com") for token in tokens)


def _what_to_do(identity: Identity) -> str:
    if identity.dns:
        records = "; ".join(" ".join(record) for record in identity.dns)
        return f"{identity.name} is not verified yet. Add these DNS records: {records}"
    if "@" in identity.name:
        return f"{identity.name} is not verified yet. Click the link in the mail that Amazon has sent there."
    return f"{identity.name} is not verified yet. Amazon is still looking for its DNS records."
