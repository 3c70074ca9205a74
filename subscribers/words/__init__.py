"""What the hosted pages and their mails say, in six languages. Pure: no model, no request.

Each language is one dict with the same keys and the same places in braces (a test holds them together). A reader gets
their own language, else the browser's, else the installation's, else English.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from . import de, en, es, fr, it, nl

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "it": "Italiano",
    "es": "Español",
    "nl": "Nederlands",
}
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": en.WORDS,
    "de": de.WORDS,
    "fr": fr.WORDS,
    "it": it.WORDS,
    "es": es.WORDS,
    "nl": nl.WORDS,
}
# RFC 9110, 12.5.4: language ranges with weights. What is longer than this is no browser's.
_RANGE: Final = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[a-zA-Z0-9-]{1,20})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")
_LONGEST: Final = 500


def say(language: str, key: str, **values: object) -> str:
    """Return the words of `key` with the values put in; English for a language that is not spoken."""
    return CATALOGUES.get(language, en.WORDS)[key].format(**values)


def choose(*wishes: str, among: Iterable[str] = LANGUAGES) -> str:
    """Return the first wish that is spoken: a language ("de"), or one with its region ("de-AT", "pt_BR")."""
    spoken = list(among)
    for wish in wishes:
        code = wish.strip().lower().replace("_", "-").partition("-")[0]
        if code in spoken:
            return code
    return "en" if "en" in spoken or not spoken else spoken[0]


def accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the most wanted first; nonsense is passed over."""
    found = [_RANGE.fullmatch(part) for part in header[:_LONGEST].split(",")]
    wanted = [(match.group(1).lower(), float(match.group(2) or 1)) for match in found if match]
    return [code for code, weight in sorted(wanted, key=lambda each: -each[1]) if weight > 0]
