"""Reads of the media library: one file, the list, where a file is used, which files a text names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.shortcuts import get_object_or_404

from ..models import Brand, Campaign, MediaFamily, MediaFile, Template, TemplateVersion

# The address of a file in mails: /m/<32 hex digits>/<name>. The indexes of the migration read the same.
PATH: Final = "/m/"
_NAMED: Final = re.compile(r"/m/([0-9a-f]{32})/")
# As the indexes have it, to the letter.
_TEMPLATES: Final = (
    "SELECT id FROM campaigns_template WHERE campaigns_media_ids(html || text || defaults::text) @> ARRAY[%s]"
)
_VERSIONS: Final = (
    "SELECT id FROM campaigns_templateversion WHERE campaigns_media_ids(html || source::text) @> ARRAY[%s]"
)
_CAMPAIGNS: Final = (
    "SELECT id FROM campaigns_campaign WHERE campaigns_media_ids(variables::text) @> ARRAY[%s]"
)
USES_SQL: Final = (_TEMPLATES, _VERSIONS, _CAMPAIGNS)


@dataclass(frozen=True, slots=True)
class Uses:
    """Where a file is used: templates as they are now, published versions, campaigns, and the logo."""

    templates: list[Template] = field(default_factory=list)
    versions: list[TemplateVersion] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    attached_to: list[Campaign] = field(default_factory=list)
    is_logo: bool = False

    def __bool__(self) -> bool:
        return self.is_logo or any((self.templates, self.versions, self.campaigns, self.attached_to))


def access_media(public_id: UUID) -> MediaFile:
    """One file, or 404. Every signed-in user may look; adding and changing needs the role marketer."""
    return get_object_or_404(MediaFile.objects.select_related("uploaded_by"), public_id=public_id)


def list_media(*, search: str = "", family: str = "", without_alt: bool = False) -> QuerySet[MediaFile]:
    """The files, newest first; `search` is looked for in names and alternative texts."""
    found = MediaFile.objects.all()
    for word in search.split()[:10]:
        found = found.filter(Q(name__icontains=word) | Q(alt__icontains=word))
    if family in MediaFamily.values:
        found = found.filter(family=family)
    if without_alt:
        found = found.filter(family=MediaFamily.IMAGE, alt="")
    return found


def undescribed() -> int:
    """How many pictures have no alternative text yet."""
    return list_media(without_alt=True).count()


def space_used() -> int:
    """How many bytes the files take, without second renditions."""
    return MediaFile.objects.aggregate(total=Sum("size"))["total"] or 0


def uses_of(media: MediaFile) -> Uses:
    """Where a file is used, each question answered by an index."""
    name = media.public_id.hex
    return Uses(
        templates=list(Template.objects.filter(pk__in=_ids(_TEMPLATES, name)).defer("html", "text")),
        versions=list(
            TemplateVersion.objects.filter(pk__in=_ids(_VERSIONS, name))
            .select_related("template")
            .only("number", "template__name", "template__public_id")
        ),
        campaigns=list(Campaign.objects.filter(pk__in=_ids(_CAMPAIGNS, name))),
        attached_to=list(Campaign.objects.filter(attachments__media=media)),
        is_logo=Brand.objects.filter(logo=media).exists(),
    )


def missing_from(texts: Iterable[str]) -> set[str]:
    """The addresses of files (their 32 digits) that the texts name and the library does not have."""
    named = {found for text in texts for found in _NAMED.findall(text)}
    there = MediaFile.objects.filter(public_id__in=[UUID(each) for each in named])
    return named - {each.hex for each in there.values_list("public_id", flat=True)} if named else set()


def _ids(sql: str, name: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [name])
        return [row[0] for row in cursor.fetchall()]
