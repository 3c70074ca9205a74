"""Write the media library: add files after a close look, describe them, delete what nothing uses, read them again.

What a file holds stands in the installation's storage (S3 where a bucket is set) under its own hash; the row says what
it is. A file that is there already is not kept twice.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models import Q

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.aws.storage import STORAGE_ERRORS

from ..media import kinds
from ..media.images import Rendition, render
from ..models import AttachedContent, MediaFile
from ..selectors import media as selectors

log = structlog.get_logger(__name__)

LONGEST_ALT: Final = 300


class StorageAway(Exception):
    """The installation's storage did not take or give the file; nothing was changed."""


class FileGone(Exception):
    """The library knows the file, and the storage does not have it."""


class FileInUse(Exception):
    """Something shows the file; `uses` says what."""

    def __init__(self, media: MediaFile, uses: selectors.Uses) -> None:
        self.uses = uses
        super().__init__(f"“{media.name}” is in use, so it stays.")


class InvalidDescription(ValueError):
    """The alternative text or the name cannot be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Added:
    """A file of the library, and whether it came with this upload."""

    media: MediaFile
    is_new: bool


def add(*, actor: User | None, name: str, content: bytes, alt: str = "") -> Added:
    """Add a file, or find that it is there. Raises `kinds.UnusableFile`, `StorageAway`, `InvalidDescription`."""
    name, alt = kinds.clean_name(name), _clean_alt(alt)
    kind = kinds.kind_of(content, name)
    source_hash = hashlib.sha256(content).hexdigest()
    known = MediaFile.objects.filter(Q(source_hash=source_hash) | Q(content_hash=source_hash)).first()
    if known is not None:
        return Added(_with_alt(known, alt), is_new=False)
    made = (
        render(content, kind, name) if kind.family is kinds.Family.IMAGE else [Rendition(content, kind, 0, 0)]
    )
    return _add(actor, name, alt, source_hash, made)


def add_upload(
    *, actor: User | None, file: "UploadedFile[Any]", alt: str = "", most: int = kinds.MAX_IMAGE_BYTES
) -> Added:
    """Add what somebody sent; more than `most` bytes are refused before they are read into memory. Raises as `add`."""
    name = file.name or ""
    kinds.check_size(name, file.size or 0, most)
    return add(actor=actor, name=name, content=file.read(), alt=alt)


@transaction.atomic
def _add(actor: User | None, name: str, alt: str, source_hash: str, made: Sequence[Rendition]) -> Added:
    first, second = made[0], made[1] if len(made) > 1 else None
    content_hash = hashlib.sha256(first.content).hexdigest()
    double_hash = hashlib.sha256(second.content).hexdigest() if second else ""
    _lock(content_hash, double_hash)
    known = MediaFile.objects.filter(Q(source_hash=source_hash) | Q(content_hash=content_hash)).first()
    if known is not None:
        return Added(_with_alt(known, alt), is_new=False)
    _store(content_hash, first)
    media = MediaFile(
        family=first.kind.family.value,
        name=_renamed(name, first.kind),
        alt=alt,
        content_type=first.kind.content_type,
        source_hash=source_hash,
        content_hash=content_hash,
        size=len(first.content),
        width=first.width,
        height=first.height,
        uploaded_by=actor,
    )
    if second is not None:
        media.double_hash = double_hash
        media.double_type, media.double_width = second.kind.content_type, second.width
        _store(double_hash, second)
    media.save()
    audit.record(actor=actor, action="media.added", obj=media, detail={"name": media.name})
    return Added(media, is_new=True)


@transaction.atomic
def describe(*, media: MediaFile, actor: User | None, alt: str, name: str = "") -> MediaFile:
    """Change the alternative text and, if given, the name. Sent mails keep their own words.

    Raises `InvalidDescription`.
    """
    locked = MediaFile.objects.select_for_update().get(pk=media.pk)
    before = {"alt": locked.alt, "name": locked.name}
    locked.alt = _clean_alt(alt)
    if name:
        locked.name = _new_name(name, locked)
    locked.save()
    after = {"alt": locked.alt, "name": locked.name}
    changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if changed:
        audit.record(actor=actor, action="media.changed", obj=locked, detail=changed)
    return locked


@transaction.atomic
def delete(*, media: MediaFile, actor: User | None) -> None:
    """Delete a file that nothing uses: no template, published version, campaign or logo. Raises `FileInUse`."""
    locked = MediaFile.objects.select_for_update().get(pk=media.pk)
    if uses := selectors.uses_of(locked):
        raise FileInUse(locked, uses)
    audit.record(actor=actor, action="media.deleted", obj=locked, detail={"name": locked.name})
    names = [(locked.content_hash, locked.content_type), (locked.double_hash, locked.double_type)]
    locked.delete()
    AttachedContent.objects.filter(content_hash=locked.content_hash).delete()
    transaction.on_commit(lambda: _forget([(digest, kind) for digest, kind in names if digest]))


def read(media: MediaFile, *, double: bool = False) -> bytes:
    """What the file holds; `double` is the wider rendition, where there is one. Raises `FileGone`, `StorageAway`."""
    is_double = double and bool(media.double_hash)
    digest = media.double_hash if is_double else media.content_hash
    try:
        with default_storage.open(
            storage_name(digest, media.double_type if is_double else media.content_type)
        ) as file:
            content: bytes = file.read()
    except FileNotFoundError as error:
        raise FileGone(f"“{media.name}” is not in the storage any more.") from error
    except STORAGE_ERRORS as error:
        log.warning("media.storage_away", error=str(error))
        raise StorageAway("The file storage does not answer. Try again in a minute.") from error
    return content


def storage_name(content_hash: str, content_type: str) -> str:
    """Where a file stands in the storage."""
    endings = {kind.content_type: kind.ending for kind in (*kinds.IMAGES, *kinds.DOCUMENTS)}
    return f"media/{content_hash[:2]}/{content_hash}.{endings[content_type]}"


def _lock(*hashes: str) -> None:
    """Until the end of the transaction nobody else adds or forgets a file of one of these contents."""
    with connection.cursor() as cursor:
        for content_hash in sorted(filter(None, hashes)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"media {content_hash}"])


def _store(content_hash: str, made: Rendition) -> None:
    name = storage_name(content_hash, made.kind.content_type)
    try:
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(made.content))
    except STORAGE_ERRORS as error:
        log.warning("media.storage_away", error=str(error))
        raise StorageAway(
            "The file storage does not answer, so nothing was kept. Try again in a minute."
        ) from error


def _forget(names: Sequence[tuple[str, str]]) -> None:
    """Take files out of the storage, unless somebody added the same one again meanwhile."""
    for content_hash, content_type in names:
        with transaction.atomic():
            _lock(content_hash)
            if MediaFile.objects.filter(Q(content_hash=content_hash) | Q(double_hash=content_hash)).exists():
                continue
            try:
                default_storage.delete(storage_name(content_hash, content_type))
            except STORAGE_ERRORS as error:
                log.warning("media.not_deleted", content_hash=content_hash, error=str(error))


def _with_alt(media: MediaFile, alt: str) -> MediaFile:
    if alt and not media.alt:
        media.alt = alt
        media.save(update_fields=["alt", "updated_at"])
    return media


def _clean_alt(alt: str) -> str:
    words = " ".join(alt.split())
    if len(words) > LONGEST_ALT:
        raise InvalidDescription(
            f"The alternative text has {len(words)} characters; {LONGEST_ALT} are the most."
        )
    return words


def _new_name(name: str, media: MediaFile) -> str:
    ending = media.name.rpartition(".")[2]
    try:
        wanted = kinds.clean_name(name if "." in name else f"{name}.{ending}")
    except kinds.UnusableFile as error:
        raise InvalidDescription(str(error)) from error
    if wanted.rpartition(".")[2] != ending:
        raise InvalidDescription(f"The name has to end in .{ending}, as the file is one.")
    return wanted


def _renamed(name: str, kind: kinds.Kind) -> str:
    """The name under which it is kept: a WebP became a JPEG or a PNG."""
    stem, _, ending = name.rpartition(".")
    return name if ending in kind.endings else f"{stem}.{kind.ending}"
