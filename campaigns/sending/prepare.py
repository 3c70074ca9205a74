"""From launched to sending: the template is stored in SES, the audience frozen, the partition there.

Every step can be repeated; a run that a worker left half-way is taken up again by beat.
"""

import datetime as dt
from typing import Final

import structlog
from django.db import transaction

from mailplatform.aws import control, session, templates
from mailplatform.core import clock
from subscribers.selectors import audience

from ..models import Run, RunState, TemplateVersion
from . import freeze, states, storing

log = structlog.get_logger(__name__)

# So long SES may keep refusing or be away before the launch counts as failed.
STORE_PATIENCE: Final = dt.timedelta(minutes=15)


def prepare(run_id: int) -> bool:
    """Get a `preparing` run ready and start it. True when it is sending now.

    When SES does not take the template, the run keeps preparing with the reason shown, and fails after 15
    minutes.
    """
    found = Run.objects.select_related("campaign", "template_version")
    run = found.filter(pk=run_id, state=RunState.PREPARING).first()
    if run is None or not _is_stored(run):
        return False
    freeze.ensure_partition(run_id)
    with transaction.atomic():
        locked = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("campaign")
            .filter(pk=run_id, state=RunState.PREPARING)
            .first()
        )
        if locked is None:
            return False
        try:
            freeze.freeze(locked)
        except audience.SegmentBrokenError as error:
            states.fail(run_id, str(error))
            return False
        if not locked.audience:
            states.fail(run_id, "Nobody was left in the audience when it was frozen.")
            return False
        return states.start(run_id)


def _is_stored(run: Run) -> bool:
    """Whether SES holds every version that the run sends, also those in other languages."""
    others = set(run.frozen.get("versions", {}).values()) - {run.template_version_id}
    versions = [run.template_version, *TemplateVersion.objects.filter(pk__in=others).order_by("pk")]
    return all(_store(run, version) for version in versions)


def _store(run: Run, version: TemplateVersion) -> bool:
    try:
        storing.store(version)
    except (
        templates.TemplateStoreError,
        control.ControlQueueBusy,
        session.AwsConfigurationError,
    ) as error:
        log.warning("sending.template_not_stored", run=run.pk, error=str(error))
        if clock.now() - run.launched_at > STORE_PATIENCE:
            states.fail(run.pk, str(error))
        else:
            Run.objects.filter(pk=run.pk, state=RunState.PREPARING).update(pause_reason=str(error)[:500])
        return False
    return True
