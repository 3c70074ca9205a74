"""Languages as people, templates and campaigns name them: BCP 47 in small letters, "de" or "pt-br"."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from django.conf.locale import LANG_INFO

Spoken = TypeVar("Spoken")

# ISO 639 and perhaps a region or script, in as many letters as subscribers have.
_CODE: Final = re.compile(r"(?=.{2,10}$)[a-z]{2,3}(-[a-z0-9]{2,6})?")
_NAMES: Final = {code: str(info["name"]) for code, info in LANG_INFO.items() if "name" in info}
CHOICES: Final = sorted(
    ((code, name) for code, name in _NAMES.items() if _CODE.fullmatch(code)), key=lambda choice: choice[1]
)


class InvalidLanguage(ValueError):
    """Not a language code."""


def language_code(text: str) -> str:
    """A language as it is stored: "de", "pt-br". Raises `InvalidLanguage`."""
    code = _plain(text)
    if not _CODE.fullmatch(code):
        raise InvalidLanguage(f"“{text}” is no language code. Write for example de, or pt-br.")
    return code


def language_name(code: str) -> str:
    """Its name in English; the code where it has none."""
    return _NAMES.get(code) or _NAMES.get(_first(code)) or code


def choose(spoken: Mapping[str, Spoken], language: str) -> Spoken | None:
    """What somebody of a language gets: their own exactly ("de-at"), else its first part ("de"), else None.

    The freeze of an audience asks the same of Postgres.
    """
    code = _plain(language)
    return spoken.get(code) or spoken.get(_first(code))


def covers(spoken: Iterable[str], language: str) -> bool:
    """Whether somebody of a language is spoken to in it."""
    return choose({_plain(code): True for code in spoken}, language) is not None


def _plain(text: str) -> str:
    return text.strip().lower().replace("_", "-")


def _first(code: str) -> str:
    return code.partition("-")[0]
