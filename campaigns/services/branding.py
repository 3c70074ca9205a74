"""Write the brand: logo, colours, font and social links. Company and postal address are the installation's."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

from ..branding import FONTS
from ..models import Brand, MediaFamily, MediaFile
from ..selectors import brand as selectors

MOST_SOCIAL: Final = 8
_PLAIN: Final = ("main_colour", "page_colour", "heading_colour", "text_colour", "font", "logo_width")


class InvalidBrand(ValueError):
    """A value cannot be used; `problems` says which and why. Nothing was changed."""

    def __init__(self, problems: dict[str, list[str]]) -> None:
        self.problems = problems
        super().__init__(" ".join(words for found in problems.values() for words in found))


@transaction.atomic
def save(
    *, actor: User | None, logo: MediaFile | None, social: Sequence[tuple[str, str]], **values: Any
) -> Brand:
    """Replace the brand; old and new values go into the audit log. Raises `InvalidBrand`."""
    Brand.objects.get_or_create(id=1)
    row = Brand.objects.select_for_update().get(id=1)
    before = _told(row)
    row.logo = logo
    row.social = [{"name": " ".join(name.split()), "url": url.strip()} for name, url in social if url.strip()]
    plain = Brand()
    for name in _PLAIN:
        setattr(row, name, values.get(name, getattr(plain, name)))
    _check(row)
    row.save()
    after = _told(row)
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if changed:
        audit.record(actor=actor, action="brand.changed", obj=row, detail=changed)
    return selectors.get()


def _told(row: Brand) -> dict[str, Any]:
    links = [f"{each['name']} {each['url']}" for each in row.social]
    logo = row.logo.name if row.logo else ""
    return {name: getattr(row, name) for name in _PLAIN} | {"logo": logo, "social": "; ".join(links)}


def _check(row: Brand) -> None:
    problems: dict[str, list[str]] = {}
    try:
        row.clean_fields(exclude=["logo"])
    except ValidationError as error:
        problems = {name: list(words) for name, words in error.message_dict.items()}
    if row.font and row.font not in FONTS:
        problems["font"] = ["Choose one of the fonts that mail programs have."]
    if row.logo is not None and row.logo.family != MediaFamily.IMAGE:
        problems["logo"] = ["The logo has to be a picture."]
    if len(row.social) > MOST_SOCIAL:
        problems["social"] = [f"{MOST_SOCIAL} links are the most."]
    elif wrong := [each for each in row.social if not _is_whole(each["url"]) or not each["name"]]:
        problems["social"] = [
            f"“{each['name']} {each['url']}”: write a name and an address that begins with https://."
            for each in wrong
        ]
    if problems:
        raise InvalidBrand(problems)


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" and bool(host) and not any(sign in url for sign in " \"'<>{}")
