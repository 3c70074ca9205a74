"""Compile MJML to the HTML of a mail, Handlebars and contents exactly as they were written.

mrml gets a skeleton in which every content, address and tag is a plain word; the originals come back afterwards, and
it is checked that each did. mrml ignores what it does not know, without a word, so what may stand where is checked
here first, with the line. It is given no hosts for fonts and icons: a mail must not tell a stranger who opens it.

"Show only if" and "Repeat" are classes, `css-class="hb-if--vip"`: the component is put between the tags here, so that
they are balanced by construction. Components: https://documentation.mjml.io/#components
"""

import html
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import mrml

from .inlining import inline_css
from .mjml_structure import KNOWN, check_structure
from .mjml_tokens import HANDLEBARS, Token, scan
from .parser import MAX_BYTES, parse_part
from .problems import Finding, Level, Part

# Values that mrml has no business with; it also writes them as a debugger would.
_OPAQUE: Final = frozenset(
    {"href", "src", "srcset", "alt", "title", "name", "background-url", "rel", "target"}
)
_INTERPRETED: Final = {("mj-social-element", "name"), ("mj-class", "name"), ("mj-font", "name")}
_CONDITION: Final = re.compile(
    r"^hb-(?P<helper>if|unless|each)--(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)$"
)
_BARE_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")


@dataclass(slots=True)
class Compiled:
    """The HTML with its Handlebars, what was found, and the source whose lines the findings name.

    `guarded` has as many lines as the author's source, with conditions by class written out as tags.
    """

    html: str = ""
    preheader: str = ""
    guarded: str = ""
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Skeleton:
    """What mrml compiles: words for contents, and what each word stands for with its line."""

    prefix: str
    kept: list[tuple[str, int]] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    preheader: str = ""

    def word(self, value: str, line: int) -> str:
        self.kept.append((value, line))
        return f"{self.prefix}{len(self.kept) - 1}z"

    def restore(self, marked: str) -> tuple[str, set[int]]:
        seen: set[int] = set()

        def put_back(match: re.Match[str]) -> str:
            seen.add(int(match[1]))
            return self.kept[int(match[1])][0]

        return re.sub(rf"{self.prefix}(\d+)z", put_back, marked), seen


def compile_mjml(source: str) -> Compiled:
    """Compile MJML. Never raises for bad input: look at `findings`. Equal sources are compiled once."""
    compiled = _compile(source)
    return Compiled(compiled.html, compiled.preheader, compiled.guarded, list(compiled.findings))


@lru_cache(maxsize=64)
def _compile(source: str) -> Compiled:
    result = Compiled(guarded=source)
    if len(source.encode()) > MAX_BYTES:
        _fail(result, 1, "too_large", f"This part is larger than {MAX_BYTES // 1000} KB, the limit of SES.")
        return result
    tokens = list(scan(source))
    skeleton = _Skeleton(_free_word(source))
    result.findings += check_structure(_write(tokens, _Skeleton(skeleton.prefix)), tokens)
    if result.findings:
        return result
    tokens = _unfold(tokens, result)
    result.guarded = "".join(token.raw for token in tokens)
    result.findings += [f for f in parse_part(result.guarded, Part.HTML).findings if f.is_blocking]
    if not result.findings:
        _render(result, _write(tokens, skeleton), skeleton)
    return result


def _fail(result: Compiled, line: int, code: str, message: str) -> None:
    result.findings.append(Finding(Level.BLOCKING, code, message, Part.HTML, line))


def _free_word(source: str) -> str:
    word = "mpword"
    while word in source:
        word += "x"
    return word


def _render(result: Compiled, marked: str, skeleton: _Skeleton) -> None:
    options = mrml.RenderOptions(fonts={}, social_icon_origin="")
    try:
        output = mrml.to_html(marked, None, options).content
    except OSError as error:
        _fail(result, 1, "mjml", f"This MJML cannot be compiled: {error}")
        return
    page, seen = skeleton.restore(output)
    for number, (value, line) in enumerate(skeleton.kept):
        if number not in seen and HANDLEBARS.search(value):
            words = " ".join(value.split())[:60]
            _fail(result, line, "lost_tag", f"“{words}” cannot stand here: MJML would drop it.")
    if len(page.encode()) > MAX_BYTES:
        words = (
            f"This makes {len(page) // 1000} KB of HTML, more than the {MAX_BYTES // 1000} KB that SES takes."
        )
        _fail(result, 1, "too_large", words)
    if not result.findings and not parse_part(page, Part.HTML).is_valid:
        _fail(result, 1, "mixed_tags", "A block's tags come into another order: put them into one component.")
    result.html = inline_css(page, "\n".join(skeleton.inline), own_rules=False) if skeleton.inline else page
    result.preheader = skeleton.preheader


def _write(tokens: list[Token], skeleton: _Skeleton) -> str:
    """The skeleton as XML, with the lines of the source."""
    out: list[str] = []
    for place, token in enumerate(tokens):
        lines = "\n" * token.raw.count("\n")
        if token.kind in {"start", "empty"}:
            out.append(_write_tag(token, skeleton) + lines)
        elif token.kind == "end":
            out.append(f"</{token.name}>{lines}")
        elif token.kind == "content":
            out.append(_write_content(token, tokens[place - 1], skeleton) + lines)
        elif token.kind == "handlebars" or (token.kind == "comment" and HANDLEBARS.search(token.raw)):
            out.append(f"<mj-raw>{skeleton.word(token.raw, token.line)}</mj-raw>{lines}")
        elif token.kind == "comment":
            out.append(lines)
        else:  # white space means nothing here, and mrml stumbles over tabs and carriage returns
            out.append(lines if token.raw.isspace() else _xml(token.raw))
    return "".join(out)


def _write_content(token: Token, opening: Token, skeleton: _Skeleton) -> str:
    if not token.raw.strip():
        return ""
    if token.name == "mj-preview":
        skeleton.preheader = html.unescape(" ".join(token.raw.split()))
        return ""
    if token.name == "mj-style" and opening.attributes.get("inline") == "inline":
        skeleton.inline.append(token.raw)
        return ""
    return skeleton.word(token.raw, token.line)


def _write_tag(token: Token, skeleton: _Skeleton) -> str:
    written = [token.name]
    for name, value in token.attributes.items():
        if (token.name, name) == ("mj-style", "inline"):
            continue  # mrml would parse and rewrite the whole mail
        if name in _OPAQUE and (token.name, name) not in _INTERPRETED and value:
            masked = skeleton.word(value, token.line)
        else:
            masked = HANDLEBARS.sub(lambda match: skeleton.word(match.group(), token.line), value)
        # mrml would write a double quote inside a value with a backslash before it.
        written.append(f'{name}="{_xml(masked).replace(chr(34), chr(39)).replace("&quot;", chr(39))}"')
    rest = " " + HANDLEBARS.sub("", token.leftover) if token.leftover else ""
    return f"<{' '.join(written)}{rest}{' /' if token.kind == 'empty' else ''}>"


def _xml(text: str) -> str:
    return _BARE_AMPERSAND.sub("&amp;", text)


def _unfold(tokens: list[Token], result: Compiled) -> list[Token]:
    """Put components with `hb-if--…` or `hb-each--…` between the tags that the class stands for."""
    out: list[Token] = []
    open_tags: list[tuple[str, list[str]]] = []
    for token in tokens:
        if token.kind in {"start", "empty"}:
            helpers = _take_conditions(token, out)
            if helpers and token.name not in KNOWN - {"mj-head", "mj-body", "mjml"}:
                _fail(result, token.line, "lost_tag", f"<{token.name}> cannot be shown conditionally.")
            if token.kind == "start":
                open_tags.append((token.name, helpers))
        out.append(token)
        helpers = open_tags.pop()[1] if token.kind == "end" else helpers if token.kind == "empty" else []
        out += [Token("handlebars", f"{{{{/{helper}}}}}", token.line) for helper in reversed(helpers)]
    return out


def _take_conditions(token: Token, out: list[Token]) -> list[str]:
    classes = token.attributes.get("css-class", "").split()
    found = [match for match in map(_CONDITION.match, classes) if match]
    out += [Token("handlebars", f"{{{{#{m['helper']} {m['name']}}}}}", token.line) for m in found]
    if found:
        token.attributes["css-class"] = " ".join(c for c in classes if not _CONDITION.match(c))
        if not token.attributes["css-class"]:
            del token.attributes["css-class"]
    return [match["helper"] for match in found]
