"""One address on the suppression list of the SES account: found there, and taken off by a person with a reason.

What bounced may work again. A complaint only the person can take back, there as here.
"""

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import suppression as ses_list
from mailplatform.core import keys

from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import Suppression, SuppressionReason
from . import suppression, suppression_sync

# Somebody waits for the page.
PATIENCE_SECONDS = 5.0


def find(*, email: str) -> ses_list.Listed | None:
    """Return the entry of an address, or None. Raises SuppressionError for what is no address.

    Raises SuppressionListUnreachable, AwsConfigurationError, SecretUnreadable.
    """
    try:
        normalise_email(email)
    except AddressRefusedError as error:
        raise suppression.SuppressionError(f"Please check the address: {error}.") from None
    return ses_list.find(installation.aws_connection(), email=email.strip(), patience=PATIENCE_SECONDS)


def take_off(*, email: str, actor: User | None, because: str) -> ses_list.Listed:
    """Take an address off Amazon's list and lift our own bounce; both keep the reason in the history.

    Ours goes first: should Amazon not answer then, the next comparison takes it off there. Raises NotSuppressed,
    OnlyThePerson, SuppressionError and what `find` raises.
    """
    found = find(email=email)
    if found is None:
        raise suppression.NotSuppressed("Amazon does not list this address.")
    if not because.strip():
        raise suppression.SuppressionError("Say why it is taken off.")
    key = keys.email_key(normalise_email(email))
    reason = suppression_sync.REASONS.get(found.reason, SuppressionReason.BOUNCE)
    ours = Suppression.objects.filter(email_key=key, reason=reason)
    live = ours.filter(lifted_at=None).first()
    was_lifted = ours.filter(lifted_at__gt=found.at).exists()
    if live is None and not was_lifted:
        # Not learnt yet: it is taken down here, so that the history shows what was lifted.
        suppression.suppress(email_key=key, reason=reason.value, source=suppression_sync.SOURCE)
        live = ours.filter(lifted_at=None).first()
    if live is not None:
        suppression.lift(suppression_id=live.pk, actor=actor, because=because)
    ses_list.delete(installation.aws_connection(), found.email)
    audit.record(
        actor=actor,
        action="suppression.taken_off_at_amazon",
        detail={"reason": found.reason, "because": because.strip()[:200]},
    )
    return found
