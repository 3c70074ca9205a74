"""What a draft was: kept while it is written, in steps of five minutes, and fewer and fewer the older it is.

Every save replaces the last one; what a save replaces is kept first where somebody would miss it: after five minutes of
writing, after a pause, and when somebody else wrote it.
"""

import datetime as dt
from typing import Any, Final

from django.db import connection

from mailplatform.accounts.models import User
from mailplatform.core import clock

from ..models import Template, TemplateDraft

STEP: Final = dt.timedelta(minutes=5)
ALL_FOR: Final = dt.timedelta(days=1)
HOURLY_FOR: Final = dt.timedelta(days=14)
DAILY_FOR: Final = dt.timedelta(days=92)
_THIN: Final = """
DELETE FROM campaigns_templatedraft WHERE id IN (
    SELECT id FROM (
        SELECT id, saved_at, row_number() OVER (
            PARTITION BY date_trunc(CASE WHEN saved_at < %(hourly)s THEN 'day' ELSE 'hour' END, saved_at)
            ORDER BY revision DESC) AS place
        FROM campaigns_templatedraft WHERE template_id = %(template)s AND saved_at < %(all)s
    ) old WHERE place > 1 OR saved_at < %(daily)s)
"""


def source_of(template: Template) -> dict[str, Any]:
    """A draft as it is kept, and as a version keeps it."""
    return {
        "subject": template.subject,
        "preheader": template.preheader,
        "html": template.html,
        "text": template.text,
        "source_format": template.source_format,
        "defaults": template.defaults,
    }


def keep(template: Template, *, actor: User | None, always: bool = False) -> None:
    """Keep what the draft is now, before `actor` changes it, unless nobody would miss it. In a transaction."""
    if not (always or _would_be_missed(template, actor)):
        return
    TemplateDraft.objects.get_or_create(
        template=template,
        revision=template.revision,
        defaults={
            "source": source_of(template),
            "saved_at": template.updated_at,
            "saved_by_id": template.updated_by_id,
        },
    )
    _thin(template)


def _would_be_missed(template: Template, actor: User | None) -> bool:
    if template.updated_by_id != (actor.pk if actor else None) or clock.now() - template.updated_at >= STEP:
        return True
    newest = template.drafts.order_by("-revision").values_list("saved_at", flat=True).first()
    return newest is None or template.updated_at - newest >= STEP


def _thin(template: Template) -> None:
    now = clock.now()
    times = {"all": now - ALL_FOR, "hourly": now - HOURLY_FOR, "daily": now - DAILY_FOR}
    with connection.cursor() as cursor:
        cursor.execute(_THIN, {"template": template.pk, **times})
