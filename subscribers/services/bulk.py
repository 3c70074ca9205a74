"""One act over many people: those that filters find, or those who were ticked.

Few people are done at once, many by a worker (`subscribers.bulk`).
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

from ..bulk import Selection, run
from ..models import BulkAction, BulkJob, BulkState, MailingList, Tag
from ..tasks import run_bulk
from . import fields

__all__ = ["BulkError", "Selection", "resume_unfinished", "start"]

AT_ONCE: Final = 500


class BulkError(ValueError):
    """The act cannot be done so; the message says why."""


def start(
    *,
    action: str,
    selection: Selection,
    target: Mapping[str, Any],
    actor: User | None,
    count: int | None = None,
) -> BulkJob:
    """Do it at once to few people, or hand it to a worker. ``count`` is the number that the user confirmed.

    Raises BulkError when nobody is chosen, the target is wrong, or many more people are found than were confirmed.
    """
    found = selection.count()
    if not found and action not in {BulkAction.DELETE_TAG, BulkAction.FORGET_FIELD}:
        raise BulkError("Nobody is chosen.")
    if count is not None and found > count:
        raise BulkError(f"There are {found:,} people now, not {count:,}. Please look again.")
    with transaction.atomic():
        job = BulkJob.objects.create(
            action=action,
            selection={"ids": selection.ids} if selection.ids else {"query": selection.query},
            target=_checked(action, target),
            found=found,
            created_by=actor,
        )
        audit.record(actor=actor, action=f"people.bulk_{action}", obj=job, detail=_detail(job))
        if found > AT_ONCE:
            # Where the queue is away, the job is noted all the same and queued again by beat.
            transaction.on_commit(lambda: run_bulk.delay(job_id=job.pk), robust=True)
    if found <= AT_ONCE:
        run(job_id=job.pk)
        job.refresh_from_db()
    return job


def _checked(action: str, target: Mapping[str, Any]) -> dict[str, Any]:
    match action:
        case BulkAction.TAG:
            return _tag(str(target.get("name", "")))
        case BulkAction.UNTAG | BulkAction.DELETE_TAG:
            tag = Tag.objects.filter(pk=int(target.get("tag_id") or 0)).first()
            if tag is None:
                raise BulkError("That tag does not exist any more.")
            return {"tag_id": tag.pk, "name": tag.name}
        case BulkAction.LIST_ADD | BulkAction.LIST_REMOVE:
            found = MailingList.objects.filter(pk=int(target.get("list_id") or 0), archived_at=None).first()
            if found is None:
                raise BulkError("Choose a list that is in use.")
            return {"list_id": found.pk, "name": found.name}
        case BulkAction.BLOCK:
            if not (reason := str(target.get("reason", "")).strip()):
                raise BulkError("Say why they are blocked.")
            return {"reason": reason[:200], "name": ""}
        case BulkAction.FORGET_FIELD:
            return dict(target)
    raise BulkError("Choose what to do.")


def _tag(name: str) -> dict[str, Any]:
    cleaned = " ".join(name.replace("\0", "").split())[:60]
    if not cleaned:
        raise BulkError("Give the tag a name.")
    return {"tag_id": fields.ensure_tags(names=[cleaned])[cleaned], "name": cleaned}


def _detail(job: BulkJob) -> dict[str, Any]:
    return {
        "people": job.found,
        "over": "ticked people" if "ids" in job.selection else "a filter",
        "name": job.target.get("name", ""),
    }


def resume_unfinished() -> None:
    """Queue again what a worker should be at; a worker that is at it does each chunk once all the same."""
    for key in BulkJob.objects.filter(state=BulkState.RUNNING).values_list("pk", flat=True):
        run_bulk.delay(job_id=key)
