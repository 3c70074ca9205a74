"""Keep a copy of every published version in the installation's storage: S3 where a bucket is set, else a folder.

The database is what sends; the copy is what survives it. A name carries the hash of the content, so writing again
changes nothing. Beat comes back for what could not be written.
"""

from typing import Final

import orjson
import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from mailplatform.core import clock

from ..models import TemplateVersion

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100


def storage_name(version: TemplateVersion) -> str:
    """Where the copy of a version stands; `version.template` is read."""
    return f"templates/{version.template.public_id}/v{version.number}-{version.content_hash[:16]}.json"


def document(version: TemplateVersion) -> bytes:
    """A version as JSON: the source as it was written, and the parts as Amazon SES stores them."""
    content = {
        "template": version.template.name,
        "version": version.number,
        "published_at": version.created_at.isoformat(),
        "content_hash": version.content_hash,
        "source": version.source,
        "defaults": version.defaults,
        "variables": version.variables,
        "links": version.links,
        "stored": {"subject": version.subject, "html": version.html, "text": version.text},
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def keep_versions(*, limit: int = AT_ONCE) -> int:
    """Write the copies that are missing, oldest first; how many were written. Stops where the storage fails."""
    kept = 0
    waiting = TemplateVersion.objects.filter(kept_at__isnull=True).select_related("template").order_by("pk")
    for version in waiting[:limit]:
        name = storage_name(version)
        try:
            if not default_storage.exists(name):
                default_storage.save(name, ContentFile(document(version)))
        except Exception as error:  # noqa: BLE001 - each storage raises errors of its own; the next look tries again
            log.warning("templates.not_kept", version=version.pk, error=str(error))
            return kept
        TemplateVersion.objects.filter(pk=version.pk).update(kept_at=clock.now())
        kept += 1
    return kept
