"""Domains whose addresses get no mail. The eligibility rule asks for them as it asks for suppressions."""

from django.db import IntegrityError, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import BlockedDomain


class DomainError(ValueError):
    """The domain cannot be blocked or lifted so; the message says why."""


def block(*, domain: str, reason: str, actor: User | None) -> BlockedDomain:
    """Block a domain, without its subdomains. Raises DomainError."""
    try:
        name = normalise_email(f"x@{domain.strip().removeprefix('@')}").partition("@")[2]
    except AddressRefusedError:
        raise DomainError("This is no domain; write it like example.com.") from None
    if not reason.strip():
        raise DomainError("Say why the domain is blocked.")
    try:
        with transaction.atomic():
            made = BlockedDomain.objects.create(domain=name, reason=" ".join(reason.split())[:200])
            audit.record(actor=actor, action="domain.blocked", obj=made, detail={"domain": name})
    except IntegrityError:
        raise DomainError(f"{name} is blocked already.") from None
    return made


@transaction.atomic
def lift(*, domain: BlockedDomain, because: str, actor: User | None) -> None:
    """Let a domain get mail again; the block stays as history. Raises DomainError."""
    if not because.strip():
        raise DomainError("Say why it is lifted.")
    live = BlockedDomain.objects.filter(pk=domain.pk, lifted_at=None)
    if not live.update(lifted_at=clock.now(), lifted_because=" ".join(because.split())[:200]):
        raise DomainError("This block was lifted already.")
    audit.record(
        actor=actor,
        action="domain.lifted",
        obj=domain,
        detail={"domain": domain.domain, "because": because[:200]},
    )
