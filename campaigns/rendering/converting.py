"""Turn the tags of other products into ours: Mailchimp, listmonk (Go), Liquid and Campaign Monitor.

What has a clear meaning here is converted; the rest stays exactly as it was and is named with its line, because a tag
that was guessed wrongly is worse than one that is refused. Handlebars tags are never touched.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_NAMES: Final = {
    "fname": "first_name", "firstname": "first_name", "first_name": "first_name", "lname": "last_name",
    "lastname": "last_name", "surname": "last_name", "fullname": "name", "full_name": "name", "name": "name",
    "email": "email", "emailaddress": "email", "email_address": "email", "mc_language": "language",
    "unsub": "unsubscribe_url", "unsubscribe": "unsubscribe_url", "unsubscribeurl": "unsubscribe_url",
    "unsubscribe_link": "unsubscribe_url", "unsubscribe_url": "unsubscribe_url",
    "manageurl": "preferences_url", "update_profile": "preferences_url", "preferences": "preferences_url",
    "manage_preferences": "preferences_url", "archive": "view_url", "archive_page": "view_url",
    "messageurl": "view_url", "webversion": "view_url", "view_in_browser": "view_url",
    "list:company": "company", "list_company": "company", "list:address": "postal_address",
    "html:list_address_html": "postal_address", "list_address": "postal_address", "list:address_line": "postal_address",
}  # fmt: skip
_HEADS: Final = {
    "subscriber",
    "customer",
    "contact",
    "person",
    "user",
    "recipient",
    "attribs",
    "profile",
    "params",
}
_IDENTIFIER: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")

_MAILCHIMP: Final = re.compile(r"\*\|(?P<body>[^|*\n]{1,80})\|\*")
_GO: Final = re.compile(
    r"\{\{-?\s*(?P<body>\.[A-Za-z_.]*|(?:if|else if|range|with)\s+[^{}]+|end|"
    r"(?:UnsubscribeURL|ManageURL|MessageURL|OptinURL|TrackView|TrackLink|L\.T|template|Date|Safe)\b[^{}]*)\s*-?\}\}"
)
_GO_TRACKED: Final = re.compile(r"(?<=[\w/])@TrackLink\b")
_LIQUID_TAG: Final = re.compile(r"\{%-?\s*(?P<body>[^%{}]+?)\s*-?%\}")
_LIQUID_VALUE: Final = re.compile(
    r"\{\{-?\s*(?P<path>[A-Za-z_][\w.]*)\s*\|(?!\|)\s*(?P<filters>[^{}]+?)\s*-?\}\}"
)
_LIQUID_DOTTED: Final = re.compile(rf"\{{\{{\s*(?:{'|'.join(sorted(_HEADS))})\.(?P<path>[\w.]+)\s*\}}\}}")
_DEFAULT: Final = re.compile(r"^default:\s*(['\"])(?P<value>.*)\1$")
_BRACKET: Final = re.compile(r"\[(?P<name>[A-Za-z_][\w ]{0,60}),\s*fallback=(?P<value>[^\]\n]{0,200})\]")
_BRACKET_IF: Final = re.compile(r"\[(?P<body>if:[A-Za-z_]\w*|else|endif)\]")
_ELEMENT: Final = re.compile(
    r"<(?P<name>unsubscribe|webversion|preferences)(?P<rest>\s[^<>]*)?>(?P<words>.*?)</\1>", re.DOTALL
)
_FOREIGN: Final = re.compile(
    r"\*\|[A-Za-z][^|*\n]{0,79}\|\*|\{%|\[[A-Za-z_][\w ]{0,60},\s*fallback=|</unsubscribe>"
)


@dataclass(slots=True)
class Converted:
    """The new source, the stand-ins that tags carried, and what was left alone with its line."""

    source: str
    defaults: dict[str, str] = field(default_factory=dict)
    converted: int = 0
    unknown: list[tuple[str, int]] = field(default_factory=list)


def has_foreign_tags(source: str) -> bool:
    """Whether a source seems to hold tags of another product."""
    return bool(_FOREIGN.search(source) or _GO.search(source) or _LIQUID_VALUE.search(source))


def convert(source: str) -> Converted:
    """Convert one part. Never raises; converting twice changes nothing more."""
    result = Converted(source)
    for dialect in (_mailchimp, _go, _liquid, _brackets):
        dialect(result)
    result.unknown.sort(key=lambda found: found[1])
    return result


def name_of(written: str) -> str:
    """The variable for another product's name: `FNAME`, `.Subscriber.Attribs.city`, `customer.first_name`."""
    whole = written.strip().lstrip(".").lower()
    if whole in _NAMES:
        return _NAMES[whole]
    parts = [part for part in whole.split(".") if part]
    while len(parts) > 1 and parts[0] in _HEADS:
        parts.pop(0)
    joined = "_".join("_".join(part.split()) for part in parts)
    name = _NAMES.get(joined, joined)
    return name if _IDENTIFIER.match(name) else ""


class _Blocks:
    """Opening and closing tags of one dialect; whether a block was converted decides what its end becomes."""

    def __init__(self) -> None:
        self.stack: list[str] = []

    def open(self, helper: str, name: str) -> str | None:
        self.stack.append(helper if name else "")
        return f"{{{{#{helper} {name}}}}}" if name else None

    def otherwise(self) -> str | None:
        return "{{else}}" if self.stack and self.stack[-1] else None

    def close(self) -> str | None:
        helper = self.stack.pop() if self.stack else ""
        return f"{{{{/{helper}}}}}" if helper else None


def _replace(
    result: Converted, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str | None]
) -> None:
    """Replace each match by what `change` answers; None leaves it alone and notes it."""
    source = result.source

    def write(match: re.Match[str]) -> str:
        changed = change(match)
        if changed is None:
            result.unknown.append((match.group()[:80], source.count("\n", 0, match.start()) + 1))
            return match.group()
        result.converted += 1
        return changed

    result.source = pattern.sub(write, source)


def _value(name: str) -> str | None:
    return f"{{{{{name}}}}}" if name else None


def _mailchimp(result: Converted) -> None:
    blocks = _Blocks()

    def change(match: re.Match[str]) -> str | None:
        body = match["body"].strip()
        condition = re.match(r"^(IFNOT|IF|ELSEIF):\s*(.+)$", body, re.IGNORECASE)
        if condition and condition[1].upper() == "ELSEIF":
            return None
        if condition:
            helper = "if" if condition[1].upper() == "IF" else "unless"
            return blocks.open(helper, name_of(condition[2]))
        if body.upper() in {"ELSE:", "ELSE"}:
            return blocks.otherwise()
        if body.upper() in {"END:IF", "END:IFNOT"}:
            return blocks.close()
        return _value(name_of(body))

    _replace(result, _MAILCHIMP, change)


def _go_block(blocks: _Blocks, word: str, rest: str) -> str | None:
    if word == "end":
        return blocks.close()
    name = name_of(rest) if rest.startswith(".") and word != "with" else ""
    return blocks.open("each" if word == "range" else word, name)


def _go(result: Converted) -> None:
    blocks = _Blocks()

    def value(body: str, word: str) -> str | None:
        is_link = word in {"UnsubscribeURL", "ManageURL", "MessageURL"}
        if is_link or body.startswith((".Subscriber.", ".UnsubscribeURL")):
            return _value(name_of(word))
        if "each" in blocks.stack and body.startswith("."):
            return "{{this}}" if body == "." else _value(name_of(body))
        return None

    def change(match: re.Match[str]) -> str | None:
        body = match["body"].strip()
        word, _, rest = body.partition(" ")
        if word in {"if", "range", "with", "end"}:
            return _go_block(blocks, word, rest)
        if word == "TrackView":
            return ""
        if word == "TrackLink":
            address = re.match(r"^[\"'`](https?://[^\"'`]+)[\"'`]", rest)
            return address[1] if address else None
        return value(body, word)

    # An `{{else}}` is written alike in Go and here, and closes with the block around it.
    if _GO.search(result.source):
        _replace(result, _GO, change)
    _replace(result, _GO_TRACKED, lambda _match: "")


def _liquid(result: Converted) -> None:
    blocks = _Blocks()
    loops: list[str] = []

    def tag(match: re.Match[str]) -> str | None:
        body = match["body"]
        word, _, rest = body.partition(" ")
        loop = re.match(r"^(\w+)\s+in\s+([\w.]+)$", rest.strip())
        if word in {"if", "unless"}:
            return blocks.open(word, name_of(rest) if re.fullmatch(r"[\w.]+", rest.strip()) else "")
        if word == "for":
            loops.append(loop[1] if loop else "")
            return blocks.open("each", name_of(loop[2]) if loop else "")
        if word == "else":
            return blocks.otherwise()
        if word in {"endif", "endunless", "endfor"}:
            return blocks.close()
        return None

    def value(match: re.Match[str]) -> str | None:
        name = name_of(match["path"])
        default = _DEFAULT.match(match["filters"])
        if default is None or not name:
            return None
        result.defaults.setdefault(name, default["value"])
        return _value(name)

    _replace(result, _LIQUID_TAG, tag)
    _replace(result, _LIQUID_VALUE, value)
    _replace(result, _LIQUID_DOTTED, lambda match: _value(name_of(match["path"])))
    for variable in filter(None, loops):
        item = re.compile(rf"\{{\{{\s*{re.escape(variable)}(?:\.(?P<path>[\w.]+))?\s*\}}\}}")
        _replace(result, item, lambda match: f"{{{{{match['path'] or 'this'}}}}}")


def _brackets(result: Converted) -> None:
    blocks = _Blocks()

    def value(match: re.Match[str]) -> str | None:
        name = name_of("_".join(match["name"].split()))
        if name and match["value"].strip():
            result.defaults.setdefault(name, match["value"].strip())
        return _value(name)

    def condition(match: re.Match[str]) -> str | None:
        body = match["body"]
        if body.startswith("if:"):
            return blocks.open("if", name_of(body[3:]))
        return blocks.otherwise() if body == "else" else blocks.close()

    def element(match: re.Match[str]) -> str:
        return f'<a href="{{{{{_NAMES[match["name"]]}}}}}"{match["rest"] or ""}>{match["words"]}</a>'

    is_campaign_monitor = bool(_BRACKET.search(result.source) or _ELEMENT.search(result.source))
    _replace(result, _BRACKET, value)
    _replace(result, _ELEMENT, element)
    if is_campaign_monitor:
        _replace(result, _BRACKET_IF, condition)
