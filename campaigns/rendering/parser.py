"""Parse a template part and refuse what Amazon SES or our preview cannot render safely.

The renderer behind the preview crashes the process on recursive partials and on very deep nesting, and SES
answers a template error only after it has accepted the mail. So everything is decided here, on text alone:
nesting at most 20, the helpers `if`, `unless`, `each`, `with`, `else` and inline partials, no partial inside
a partial. Template language: https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from .lexer import Token, tokenize
from .nodes import Block, Mustache, Node, PartialCall, Path, Text
from .problems import Finding, Level, Part

MAX_DEPTH = 20
MAX_TAGS = 5_000
MAX_BYTES = 500_000
HELPERS = frozenset({"if", "unless", "each", "with"})

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_PATH = re.compile(
    rf"^(?P<ups>(?:\.\./)*)(?:(?P<this>this|\.)(?:[./](?P<rest>{_NAME}(?:[./]{_NAME})*))?"
    rf"|@(?P<data>root|index|key|first|last)(?:[./](?P<droot>{_NAME}(?:[./]{_NAME})*))?"
    rf"|(?P<plain>{_NAME}(?:[./]{_NAME})*))$"
)
_INLINE = re.compile(rf"^#\s*\*\s*inline\s+(['\"])(?P<name>{_NAME})\1$")
_PARTIAL = re.compile(rf"^>\s*(?P<name>{_NAME})$")
_BLOCK = re.compile(r"^#\s*(?P<helper>\S+)\s*(?P<argument>.*)$", re.DOTALL)
# What every object of JavaScript has: engines refuse them, some with an error after the mail was accepted.
_NO_NAMES = frozenset({"constructor", "prototype", "__proto__"})
_RESERVED = {
    "amazonSESUnsubscribeUrl": "Use {{unsubscribe_url}}: SES's own link does not work with bulk sending.",
    "ses:openTracker": "Remove it: whether a mail carries a pixel is decided per person, by consent.",
}


def _read_path(text: str) -> re.Match[str] | None:
    return _PATH.match(text) if _NO_NAMES.isdisjoint(re.split(r"[./]", text)) else None


@lru_cache(maxsize=1000)
def _plain_path(text: str) -> Path | None:
    """A path of names alone, which means the same wherever it stands; a mail has the same few again and again."""
    match = _read_path(text)
    return (
        Path(tuple(re.split(r"[./]", match["plain"])))
        if match and match["plain"] and not match["ups"]
        else None
    )


@dataclass(slots=True)
class _Frame:
    nodes: list[Node]
    block: Block | None = None
    inline: str = ""
    line: int = 0


@dataclass(slots=True)
class Parsed:
    """The tree, the inline partials and every finding. With a blocking finding the tree must not be used."""

    nodes: list[Node]
    partials: dict[str, list[Node]]
    findings: list[Finding]

    @property
    def is_valid(self) -> bool:
        """Whether the tree may be rendered."""
        return not any(f.is_blocking for f in self.findings)


@dataclass(slots=True)
class _Parser:
    part: Part
    findings: list[Finding] = field(default_factory=list)
    partials: dict[str, list[Node]] = field(default_factory=dict)
    stack: list[_Frame] = field(default_factory=list)
    tags: int = 0
    stopped: bool = False

    def fail(self, line: int, code: str, message: str) -> None:
        self.findings.append(Finding(Level.BLOCKING, code, message, self.part, line))

    @property
    def here(self) -> list[Node]:
        return self.stack[-1].nodes

    @property
    def context_depth(self) -> int:
        """How many `each` and `with` surround this place, inside an inline partial counted from its start."""
        return sum(1 for f in self.stack if f.block is not None and f.block.enters)

    def parse(self, source: str) -> Parsed:
        self.stack.append(_Frame([]))
        if len(source.encode()) > MAX_BYTES:
            self.fail(1, "too_large", f"This part is larger than {MAX_BYTES // 1000} KB, the limit of SES.")
            return Parsed([], {}, self.findings)
        for token in tokenize(source):
            if not self._take(token):
                break
        for frame in [] if self.stopped else self.stack[1:]:
            tag = f"{{{{#{frame.block.helper}}}}}" if frame.block else f'{{{{#* inline "{frame.inline}"}}}}'
            self.fail(frame.line, "unclosed_block", f"{tag} is never closed.")
        self.findings.sort(key=lambda f: f.line)
        return Parsed(self.stack[0].nodes, self.partials, self.findings)

    def _take(self, token: Token) -> bool:
        if token.kind == "text":
            self.here.append(Text(token.value))
            return True
        self.tags += 1
        if self.tags > MAX_TAGS:
            self.fail(token.line, "too_many_tags", f"More than {MAX_TAGS} tags in one part.")
            self.stopped = True
            return False
        if token.kind == "broken":
            self.fail(token.line, "broken_tag", f"This tag is not complete or not supported: {token.value!r}")
            return True
        self._tag(token)
        return not self.stopped

    def _tag(self, token: Token) -> None:
        value = token.value
        if value.startswith("/"):
            self._close(token)
        elif value.startswith("#"):
            self._open(token)
        elif value.startswith(">"):
            self._call(token)
        elif value in {"^", "else"} or value.startswith("else "):
            self._else(token)
        else:
            self._value(token)

    def _value(self, token: Token) -> None:
        value = token.value.removeprefix("&").strip()
        if value in _RESERVED:
            self.fail(token.line, "reserved_tag", f"{{{{{value}}}}} cannot be used here. {_RESERVED[value]}")
            return
        path = self._path(value, token.line)
        if path is not None:
            self.here.append(Mustache(path, token.line, token.opened, token.closed))

    def _path(self, text: str, line: int) -> Path | None:
        return _plain_path(text) or self._path_from_here(text, line)

    def _path_from_here(self, text: str, line: int) -> Path | None:
        match = _read_path(text)
        if match is None:
            self._bad_path(text, line)
            return None
        ups = len(match["ups"]) // 3
        depth = self.context_depth
        inside_inline = any(f.inline for f in self.stack)
        if ups > depth and not inside_inline:
            self.fail(line, "bad_path", f"{{{{{text}}}}} goes up further than the blocks around it.")
            return None
        data = match["data"] or ""
        if data == "root" and not match["droot"]:
            self.fail(line, "bad_path", "Name a variable after @root, as in {{@root.name}}.")
            return None
        if data and data != "root" and match["droot"]:
            self._bad_path(text, line)
            return None
        segments = match["rest"] or match["droot"] or match["plain"] or ""
        if not segments and not data and ups == depth and not inside_inline:
            self.fail(line, "bad_path", f"{{{{{text}}}}} only means something inside {{{{#each}}}}.")
            return None
        return Path(tuple(re.split(r"[./]", segments)) if segments else (), ups, data)

    def _bad_path(self, text: str, line: int) -> None:
        first = text.split(None, 1)[0] if text.strip() else ""
        if not first:
            self.fail(line, "empty_tag", "This tag is empty.")
        elif len(text.split()) > 1 and re.fullmatch(_NAME, first):
            self.fail(line, "unknown_helper", f"“{first}” is not a helper that Amazon SES knows.")
        else:
            self.fail(line, "bad_path", f"{{{{{text[:60]}}}}} is not a variable name.")

    def _open(self, token: Token) -> None:
        inline = _INLINE.match(token.value)
        if inline:
            self._open_inline(token, inline["name"])
            return
        match = _BLOCK.match(token.value)
        helper = match["helper"] if match else ""
        path: Path | None = None
        if helper not in HELPERS:
            self.fail(token.line, "unknown_helper", f"“{helper}” is not a helper that Amazon SES knows.")
        elif match is not None and not match["argument"].strip():
            self.fail(
                token.line,
                "missing_argument",
                f"{{{{#{helper}}}}} needs a variable, as in {{{{#{helper} name}}}}.",
            )
        elif match is not None:
            path = self._path(match["argument"].strip(), token.line)
        if sum(1 for f in self.stack if f.block) >= MAX_DEPTH:
            self.fail(token.line, "too_deep", f"Blocks may be nested {MAX_DEPTH} deep at most.")
            self.stopped = True
        # A block that is wrong still opens, so that its closing tag is not reported a second time.
        block = Block(helper, path or Path(("_",)), token.line, trims=[(token.opened, token.closed)])
        self.here.append(block)
        self.stack.append(_Frame(block.body, block, line=token.line))

    def _open_inline(self, token: Token, name: str) -> None:
        if len(self.stack) > 1:
            self.fail(
                token.line, "nested_partial", "Define inline partials at the top, outside of any block."
            )
        if name in self.partials:
            self.fail(token.line, "duplicate_partial", f"The partial “{name}” is defined twice.")
        self.stack.append(_Frame([], inline=name, line=token.line))

    def _close(self, token: Token) -> None:
        name = token.value[1:].strip()
        frame = self.stack[-1]
        if len(self.stack) == 1:
            self.fail(
                token.line, "stray_close", f"{{{{/{name}}}}} closes nothing: no {{{{#{name}}}}} is open here."
            )
            return
        expected = frame.block.helper if frame.block else "inline"
        if name != expected:
            message = f"{{{{/{name}}}}} does not match {{{{#{expected}}}}} of line {frame.line}."
            self.fail(token.line, "mismatched_close", message)
            if not any((f.block.helper if f.block else "inline") == name for f in self.stack[1:]):
                return
            while (self.stack[-1].block.helper if self.stack[-1].block else "inline") != name:
                self.stack.pop()
            frame = self.stack[-1]
        self.stack.pop()
        if frame.block is None:
            self.partials[frame.inline] = frame.nodes
            return
        frame.block.trims.append((token.opened, token.closed))

    def _else(self, token: Token) -> None:
        frame = self.stack[-1]
        if frame.block is None:
            self.fail(token.line, "stray_else", "{{else}} stands outside of any block.")
            return
        if frame.block.inverse is not None:
            self.fail(
                token.line, "second_else", f"The block of line {frame.block.line} has two {{{{else}}}}."
            )
            return
        if token.value.startswith("else "):
            message = "Write {{else}}{{#if …}}…{{/if}}: SES does not document chained conditions."
            self.fail(token.line, "chained_else", message)
        frame.block.inverse = []
        frame.block.trims.append((token.opened, token.closed))
        frame.nodes = frame.block.inverse

    def _call(self, token: Token) -> None:
        match = _PARTIAL.match(token.value)
        if match is None:
            self.fail(token.line, "bad_partial", "Only {{> name}} of an inline partial is supported.")
        elif any(f.inline for f in self.stack):
            self.fail(token.line, "nested_partial", "A partial may not use another partial.")
        elif match["name"] not in self.partials:
            message = f"The partial “{match['name']}” is not defined above in this part."
            self.fail(token.line, "unknown_partial", message)
        else:
            self.here.append(PartialCall(match["name"], token.line))


@lru_cache(maxsize=32)
def parse_part(source: str, part: Part) -> Parsed:
    """Parse one part. Never raises for bad input: look at `findings`. Equal parts are parsed once: change nothing."""
    return _Parser(part).parse(source)
