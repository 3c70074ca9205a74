"""What beat does for this app."""

from typing import Any

import structlog
from celery import shared_task
from django.conf import settings

from mailplatform.accounts.models import User
from mailplatform.accounts.vault import SecretUnreadable
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.suppression import SuppressionListUnreachable

from .services import bulk, importing, owed_mails, retention, signup, storage_copies, suppression_sync

log = structlog.get_logger(__name__)


@shared_task(name="subscribers.resume_imports")
def resume_imports(**_: Any) -> None:
    """Queue again what a worker should be at; a worker that is at it makes this one do nothing."""
    importing.resume_unfinished()


@shared_task(name="subscribers.forget_imports")
def forget_imports(**_: Any) -> None:
    """Remove the files of imports that nobody finished, and refused rows that nobody mended."""
    importing.forget_old()


@shared_task(name="subscribers.forget_signups")
def forget_signups(**_: Any) -> None:
    """Forget sign-ups that nobody confirmed in time, and the notes of mails long sent."""
    signup.forget_expired()
    owed_mails.forget_old()


@shared_task(name="subscribers.resume_bulk")
def resume_bulk(**_: Any) -> None:
    """Queue again acts over many people that a killed worker left."""
    bulk.resume_unfinished()


@shared_task(name="subscribers.keep_retention")
def keep_retention(**_: Any) -> None:
    """Let go of what was kept for long enough; each rule once a day."""
    retention.run_due()


@shared_task(name="subscribers.copy_to_storage")
def copy_to_storage(**_: Any) -> None:
    """Keep the list of blocked addresses and the ledger's checkpoints in the storage, too."""
    storage_copies.run_due()


@shared_task(name="subscribers.sync_suppressions")
def sync_suppressions(*, user_id: int | None = None, **_: Any) -> None:
    """Compare our suppressions with the list of the SES account; `user_id` is who asked for it."""
    if settings.SMTP_URL:
        return  # mail does not pass that list
    try:
        suppression_sync.sync(actor=User.objects.filter(pk=user_id).first() if user_id else None)
    except (SuppressionListUnreachable, AwsConfigurationError, SecretUnreadable) as error:
        log.warning("suppressions_not_synced", error=str(error))
