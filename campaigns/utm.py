"""Campaign parameters on links (`utm_source` and its sisters), put in when a version is published for a campaign.

They name the campaign and never the reader. Only addresses that the author wrote out get them: those of the hosted
pages (unsubscribe, preferences) are variables or on our own host and stay as they are, and a parameter that the
author wrote wins. The five names: https://support.google.com/analytics/answer/10917952
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from .link_elements import BLOCK

NAMES: Final = ("source", "medium", "campaign", "content", "term")
MEDIUM: Final = "email"
LONGEST: Final = 100

_TAG: Final = r"\{\{[^{}]*\}\}"
# Links of HTML, and the buttons that Outlook draws from VML.
_ELEMENT: Final = re.compile(r"<(?:a|area|v:\w+)(?=\s)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF: Final = re.compile(
    r"(?P<before>\shref\s*=\s*)(?P<quote>[\"'])(?P<url>.*?)(?P=quote)", re.IGNORECASE | re.DOTALL
)
_TEXT_URL: Final = re.compile(
    rf"https?://(?:(?!\{{\{{[#/]|\{{\{{else\b){_TAG}|[^\s<>\"'{{}}])+", re.IGNORECASE
)
# The first "#" that is neither part of a tag nor of a character written as a number (&#38;).
_FRAGMENT: Final = re.compile(rf"{_TAG}|&#\w+;|(?P<hash>#)")
_ROOT: Final = r"[~\s]*(?:(?:\.\./)+|@root\.)?"
_WHOLE: Final = re.compile(rf"\s*\{{\{{{_ROOT}html\.(?P<name>[\w-]+)[~\s]*\}}\}}\s*")
# A value in an HTML part, whose names begin with "html.", or in a text part.
_USED: Final = re.compile(rf"\{{\{{\{{?{_ROOT}(?:html\.)?(?P<name>[\w-]+)[^{{}}]*\}}\}}\}}?")
_SRC: Final = re.compile(
    r"\s(?:src|srcset|background|poster)\s*=\s*(?P<quote>[\"'])(?P<url>.*?)(?P=quote)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK_TAG: Final = re.compile(
    r"\{\{[~\s]*(?:(?P<between>else\b|\^[~\s]*\}\})|(?P<opens>[#^])|(?P<closes>/))[^{}]*(?:\}\})?"
)
# What makes one word with the address before it. A sign that may end a sentence does only if the word goes on after it.
_GOES_ON: Final = re.compile(r"\{\{|[.,;:!?\])]*[^\s<>\"'{}.,;:!?\])]")
_LEADS_ON: Final = re.compile(r"(?:[\w/?#&=%+@:.~-]|url\(\s*[\"']?)\Z", re.IGNORECASE)


def complete(chosen: Mapping[str, Any], *, campaign: str) -> dict[str, str]:
    """What links get, by parameter, in the order of NAMES; nothing without a source.

    `campaign` stands in where nobody named the campaign, "email" where nobody named the medium.
    """
    values = {name: " ".join(str(chosen.get(name, "")).split())[:LONGEST] for name in NAMES}
    if not values["source"]:
        return {}
    values["medium"] = values["medium"] or MEDIUM
    values["campaign"] = values["campaign"] or campaign
    return {f"utm_{name}": value for name, value in values.items() if value}


def tag_url(url: str, parameters: Mapping[str, str], *, own_host: str = "", ampersand: str = "&") -> str:
    """The address with the parameters that it does not have yet, before its fragment.

    An address that is not http(s), that leads to us, or whose form hangs on a condition stays as it is.
    """
    if not re.match(r"https?://", url, re.IGNORECASE) or BLOCK.search(url) or _host(url) in {None, own_host}:
        return url
    cut = next((found.start() for found in _FRAGMENT.finditer(url) if found["hash"]), len(url))
    base, fragment = url[:cut], url[cut:]
    missing = {k: v for k, v in parameters.items() if not re.search(rf"[?&;]{re.escape(k)}=", base)}
    if not missing:
        return url
    joint = "" if base.endswith(("?", "&", "&amp;")) else ampersand if "?" in base else "?"
    return base + joint + ampersand.join(f"{k}={quote(v, safe='')}" for k, v in missing.items()) + fragment


def tag_html(html: str, parameters: Mapping[str, str], *, own_host: str = "") -> str:
    """The HTML part with the parameters on its links."""
    if not parameters:
        return html

    def link(match: re.Match[str]) -> str:
        url = match["url"].strip()
        tagged = tag_url(url, parameters, own_host=own_host, ampersand="&amp;")
        return (
            match.group() if tagged == url else f"{match['before']}{match['quote']}{tagged}{match['quote']}"
        )

    return _ELEMENT.sub(lambda element: _HREF.sub(link, element.group(), count=1), html)


def tag_text(text: str, parameters: Mapping[str, str], *, own_host: str = "") -> str:
    """The text part with the parameters on its addresses; what ends a sentence is no part of one."""
    if not parameters:
        return text

    def link(match: re.Match[str]) -> str:
        if _goes_on(text, match.end()):
            return match.group()
        url = match.group().rstrip(".,;:!?)]")
        return tag_url(url, parameters, own_host=own_host) + match.group()[len(url) :]

    return _TEXT_URL.sub(link, text)


def tag_variables(
    values: Mapping[str, Any], parameters: Mapping[str, str], *, parts: Iterable[str], own_host: str = ""
) -> dict[str, Any]:
    """The campaign's values, tagged where one is the whole address of links in the stored `parts`, HTML and text.

    One that is also a piece of another address, or of an image's, stays: what follows it would be torn off.
    """
    whole, torn = _uses(parts) if parameters else (set(), set())
    return {
        name: tag_url(value, parameters, own_host=own_host)
        if name in whole - torn and isinstance(value, str)
        else value
        for name, value in values.items()
    }


def _uses(parts: Iterable[str]) -> tuple[set[str], set[str]]:
    """The names that are whole addresses of links, and those that are pieces of addresses."""
    whole: set[str] = set()
    torn: set[str] = set()
    for part in parts:
        for element in _ELEMENT.findall(part):
            for url in (found["url"] for found in _HREF.finditer(element)):
                match = _WHOLE.fullmatch(url)
                if match:
                    whole.add(match["name"])
                else:
                    torn |= _names(url)
        for found in _SRC.finditer(part):
            torn |= _names(found["url"])
        torn |= {used["name"] for used in _USED.finditer(part) if _is_piece(part, used)}
    return whole, torn


def _is_piece(part: str, used: re.Match[str]) -> bool:
    """Whether a value makes one word with what stands before or after it."""
    before = part.rfind("{{", 0, used.start()) if part.endswith("}}", 0, used.start()) else -1
    follows_a_value = before >= 0 and not _BLOCK_TAG.match(part, before)
    leads_on = _LEADS_ON.search(part[max(0, used.start() - 20) : used.start()])
    return follows_a_value or bool(leads_on) or _goes_on(part, used.end())


def _goes_on(text: str, at: int) -> bool:
    """Whether an address that ends here may go on, whatever the conditions around it say."""
    while block := _BLOCK_TAG.match(text, at):
        if block["opens"]:
            return True
        at = block.end() if block["closes"] else _end_of_block(text, block.end())
    return bool(_GOES_ON.match(text, at))


def _end_of_block(text: str, at: int) -> int:
    """The end of the block in which this place stands."""
    depth = 1
    for block in _BLOCK_TAG.finditer(text, at):
        depth += bool(block["opens"]) - bool(block["closes"])
        if not depth:
            return block.end()
    return len(text)


def _names(text: str) -> set[str]:
    return {found["name"] for found in _USED.finditer(text)}


def _host(url: str) -> str | None:
    """The host in lower case; None where the address cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
