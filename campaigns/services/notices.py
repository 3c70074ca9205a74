"""Mail to the people who work here, about what the installation did by itself."""

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

from mailplatform.accounts.models import Role, User
from mailplatform.aws import errors, session

log = structlog.get_logger(__name__)


def people_to_tell(*wanted: User | None) -> list[str]:
    """Return the addresses of those of `wanted` who still work here; where nobody does, of the administrators."""
    found = {user.email for user in wanted if user is not None and user.is_active}
    if not found:
        found = set(User.objects.filter(role=Role.ADMIN, is_active=True).values_list("email", flat=True))
    return sorted(found)


def send(*, to: list[str], subject: str, text: str) -> bool:
    """Send one notice to each of these users; False when none of them could be told now.

    One who cannot be told never keeps it from the others, and does not make a second try tell them again.
    """
    told = [_is_told(address, subject, text) for address in to]
    return any(told) or not told


def _is_told(address: str, subject: str, text: str) -> bool:
    try:
        EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address]).send()
    except errors.SesError as error:
        log.warning("notice_not_sent", error=str(error))
        return error.verdict is errors.Verdict.LOST  # it may have left: better once than twice
    except (errors.AccountUnreadableError, session.AwsConfigurationError) as error:
        log.warning("notice_not_sent", error=str(error))
        return False
    return True
