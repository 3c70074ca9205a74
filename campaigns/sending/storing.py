"""A version of a template where its sender wants it: in Amazon SES. For SMTP mails are rendered here."""

from mailplatform.accounts.services import installation
from mailplatform.aws import templates
from mailplatform.core import clock

from ..models import TemplateVersion
from . import smtp


def store(version: TemplateVersion) -> bool:
    """Store the version in SES unless it is there, for the tenant that sends; True if anything was missing.

    Raises TemplateStoreError, ControlQueueBusy, AwsConfigurationError, SecretUnreadable.
    """
    if smtp.server() is not None:
        return False
    site, connection = installation.get(), installation.aws_connection()
    is_new = templates.ensure_stored(
        connection,
        name=version.ses_name,
        subject=version.subject,
        html=version.html,
        text=version.text,
    )
    if site.tenant:
        is_new |= templates.ensure_member(
            connection, tenant=site.tenant, account_id=site.account_id, name=version.ses_name
        )
    if is_new or version.stored_at is None:
        version.stored_at = clock.now()
        TemplateVersion.objects.filter(pk=version.pk).update(stored_at=version.stored_at)
    return is_new
