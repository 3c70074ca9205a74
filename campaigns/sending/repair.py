"""A template that was deleted in SES behind our back is stored again, and sending goes on.

So it does when the tenant that mail is sent through was made or changed in the middle of a run: the template becomes
the tenant's, and whoever still named another tenant reads the settings again.
Names of templates carry the hash of their content, so storing one again cannot change what anybody gets.
"""

import datetime as dt
import re
from collections.abc import Collection
from typing import Final

import structlog

from mailplatform.accounts.services import installation
from mailplatform.aws import control, session, templates
from mailplatform.core import clock

from ..models import Run, TemplateVersion
from . import storing

log = structlog.get_logger(__name__)

# SES's words for a template that is not there: of a whole call, and of an entry.
MISSING: Final = ("NotFoundException", "TEMPLATE_NOT_FOUND")
# SES's words for a tenant that may not use something, and for one that is not there.
_NOT_MEMBERS: Final = re.compile(r"AccessDeniedException: Tenant not associated with resources \[(.*)\]")
_TENANT: Final = re.compile(r"AccessDeniedException: Tenant not |NotFoundException: Tenant .* not found")
# Another drain may just have stored it; after this, a template that is there and not found needs a person.
JUST_NOW: Final = dt.timedelta(minutes=1)


def mend(run_id: int, reasons: Collection[str], *, sent_as: str | None = None) -> bool:
    """Store the run's templates again if their absence is all that is wrong. True when sending can go on.

    `sent_as` is the tenant that the calls named, where it is known. False where SES complains of something else, has
    the template all the same, or does not take it.
    """
    if not reasons:
        return False
    is_past = sent_as is not None and sent_as != installation.get().tenant
    if is_past and all(_TENANT.match(reason) for reason in reasons):
        return True
    if not all(_is_about_templates(reason) for reason in reasons):
        return False
    run = Run.objects.get(pk=run_id)
    ids = {run.template_version_id, *run.frozen.get("versions", {}).values()}
    versions = TemplateVersion.objects.filter(pk__in=ids).order_by("pk")
    try:
        stored = [_store(version) for version in versions]
    except (templates.TemplateStoreError, control.ControlQueueBusy, session.AwsConfigurationError) as error:
        log.warning("sending.template_not_mended", run=run_id, error=str(error))
        return False
    return any(stored)


def _is_about_templates(reason: str) -> bool:
    if found := _NOT_MEMBERS.match(reason):
        return all(":template/" in arn for arn in found[1].split(", "))
    return reason.startswith(MISSING)


def _store(version: TemplateVersion) -> bool:
    stored_before = version.stored_at
    is_new = storing.store(version)
    if is_new:
        log.warning("sending.template_mended", template=version.ses_name)
    return is_new or (stored_before is not None and clock.now() - stored_before < JUST_NOW)
