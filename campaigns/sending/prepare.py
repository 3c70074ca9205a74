"""From launched to sending: the template is stored in SES, the audience frozen, the partition there.

Every step can be repeated; a run that a worker left half-way is taken up again by beat.
"""

import datetime as dt
from typing import Final

import structlog
from django.db import transaction

from mailplatform.accounts import vault
from mailplatform.aws import control, session, templates
from mailplatform.core import clock
from subscribers.selectors import audience

from ..models import Run, RunState, TemplateVersion
from . import freeze, states, storing

log = structlog.get_logger(__name__)

# So long something may be in the way, SES away for one, before the launch counts as failed.
PATIENCE: Final = dt.timedelta(minutes=15)


def prepare(run_id: int) -> bool:
    """Get a `preparing` run ready and start it. True when it is sending now.

    Where something is in the way (SES does not take the template, a segment's SQL breaks), the run keeps preparing with
    the reason shown, and fails 15 minutes after its launch.
    """
    try:
        return _prepare(run_id)
    except (
        templates.TemplateStoreError,
        control.ControlQueueBusy,
        session.AwsConfigurationError,
        vault.SecretUnreadable,
    ) as error:
        log.warning("sending.template_not_stored", run=run_id, error=str(error))
        _put_off(run_id, str(error))
    except Exception as error:
        # Beat takes the run up again for ever; nobody would be told.
        log.exception("sending.not_prepared", run=run_id)
        _put_off(run_id, f"Internal error, see the log: {type(error).__name__}: {error}")
    return False


def _prepare(run_id: int) -> bool:
    found = Run.objects.select_related("campaign", "template_version")
    run = found.filter(pk=run_id, state=RunState.PREPARING).first()
    if run is None:
        return False
    _store(run)
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


def _store(run: Run) -> None:
    """Let SES hold every version that the run sends, also those in other languages."""
    others = set(run.frozen.get("versions", {}).values()) - {run.template_version_id}
    for version in [run.template_version, *TemplateVersion.objects.filter(pk__in=others).order_by("pk")]:
        storing.store(version)


def _put_off(run_id: int, reason: str) -> None:
    """Say why the run is not sending yet; give it up when it has been preparing for too long."""
    preparing = Run.objects.filter(pk=run_id, state=RunState.PREPARING)
    if preparing.filter(launched_at__lt=clock.now() - PATIENCE).exists():
        states.fail(run_id, reason)
    else:
        preparing.update(pause_reason=reason[:500])
