"""The brand as it is now, and the addresses of the library's files."""

import hashlib
from dataclasses import dataclass

from django.urls import reverse
from django.utils.text import slugify

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation

from .. import branding
from ..branding import Look
from ..models import Brand, MediaFile


@dataclass(frozen=True, slots=True)
class PageStyle:
    """A style sheet, and a short name of its content."""

    code: str
    text: str


def get() -> Brand:
    """The brand's row; one that is not saved stands in until somebody writes it."""
    return Brand.objects.select_related("logo").filter(id=1).first() or Brand(id=1)


def look(row: Brand | None = None, site: Installation | None = None) -> Look:
    """The brand, ready to be used in mails: addresses are whole."""
    row, site = row or get(), site or installation.get()
    logo = row.logo
    return Look(
        main=row.main_colour,
        page=row.page_colour,
        heading=row.heading_colour,
        text=row.text_colour,
        font=row.font,
        logo=file_url(logo, site) if logo else "",
        logo_width=min(row.logo_width, logo.width) if logo else row.logo_width,
        logo_alt=(logo.alt if logo else "") or site.company,
        social=tuple((each["name"], each["url"]) for each in row.social),
    )


def page_css(row: Brand | None = None) -> PageStyle | None:
    """What hosted pages add to their style sheet; None where the brand says nothing."""
    row = row or get()
    text = branding.page_css(Look(main=row.main_colour, font=row.font))
    return PageStyle(hashlib.sha256(text.encode()).hexdigest()[:16], text) if text else None


def file_path(media: MediaFile, *, double: bool = False) -> str:
    """The address of a file on this host. Its name is for people's eyes; the number alone decides."""
    stem, _, ending = media.name.rpartition(".")
    if double and media.double_type == "image/jpeg":
        ending = "jpg"
    name = f"{slugify(stem)[:60] or 'file'}.{ending}"
    page = "campaigns:media_file_double" if double else "campaigns:media_file"
    return reverse(page, args=[media.public_id.hex, name])


def file_url(media: MediaFile, site: Installation | None = None, *, double: bool = False) -> str:
    """The address of a file in mails."""
    return installation.public_url(site) + file_path(media, double=double)
