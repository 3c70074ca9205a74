"""What an attribute's value says once its character references are read, as browsers read them.

In a value `&region=` stays as it is, though `&reg` is a name: links are often written with a bare ampersand.
https://html.spec.whatwg.org/multipage/parsing.html#named-character-reference-state
"""

import html
import re
from html.entities import html5
from typing import Final

_REFERENCE: Final = re.compile(
    r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|(?P<name>[A-Za-z][A-Za-z0-9]*;?)(?P<equals>=?))"
)


def attribute_text(value: str) -> str:
    """The value of an attribute as text. `html.unescape` is for text, where more is a reference than in a value."""
    return _REFERENCE.sub(_read, value) if "&" in value else value


def _read(match: re.Match[str]) -> str:
    name = match["name"]
    if name is None:
        return html.unescape(match.group())
    if name not in html5 or (match["equals"] and not name.endswith(";")):
        return match.group()
    return html5[name] + match["equals"]
