"""What hangs on the mails of a campaign: as its launch freezes it, and as Amazon SES takes it."""

import base64
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Exists, OuterRef, Subquery

from ..models import AttachedContent, Attachment, Campaign

# Base64 adds a third, and a line break per 76 characters.
ENCODED: Final = 1.37


class AttachmentMissing(ValueError):
    """What an attachment holds is not in the database; without it the mail must not go out."""


def of_campaign(campaign: Campaign) -> list[Attachment]:
    """The attachments, in the order in which they were added."""
    return list(Attachment.objects.filter(campaign=campaign).select_related("media"))


def total_size(attached: Iterable[Attachment]) -> int:
    """Bytes of all attachments, before they are encoded."""
    return sum(each.media.size for each in attached)


def frozen(campaign: Campaign) -> list[dict[str, Any]]:
    """What a run notes of them."""
    return noted(of_campaign(campaign))


def noted(attached: Iterable[Attachment]) -> list[dict[str, Any]]:
    """Name, type, hash of the content and size in bytes of each."""
    return [
        {
            "name": _ascii(each.media.name),
            "type": each.media.content_type,
            "hash": each.media.content_hash,
            "size": each.media.size,
        }
        for each in attached
    ]


def without_content() -> Subquery:
    """The name of an attachment of a campaign whose content is not in the database any more; NULL for none."""
    held = AttachedContent.objects.filter(pk=OuterRef("media__content_hash"))
    missing = Attachment.objects.filter(~Exists(held), campaign=OuterRef("pk"))
    return Subquery(missing.values("media__name")[:1])


def as_call(noted: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """`Template.Attachments` of a call, or `Simple.Attachments`, as JSON takes it: `RawContent` is base64.

    Raises `AttachmentMissing`. https://docs.aws.amazon.com/ses/latest/dg/attachments.html
    """
    wanted = [each["hash"] for each in noted]
    held = dict(AttachedContent.objects.filter(pk__in=wanted).values_list("pk", "content")) if wanted else {}
    if missing := [each["name"] for each in noted if each["hash"] not in held]:
        raise AttachmentMissing(f"“{missing[0]}” is attached, but its content is not there any more.")
    return [
        {
            "FileName": each["name"],
            "ContentType": each["type"],
            "ContentDisposition": "ATTACHMENT",
            "ContentTransferEncoding": "BASE64",
            "RawContent": base64.b64encode(held[each["hash"]]).decode("ascii"),
        }
        for each in noted
    ]


def _ascii(name: str) -> str:
    """The name in plain letters: what SES does with others is nowhere said, and a run must not fail of it."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    stem, _, ending = plain.rpartition(".")
    return f"{' '.join(stem.split()) or 'attachment'}.{ending}"
