"""Which variables a template part needs, so that every one of them is always sent.

A variable that is missing from the data fails the mail after SES has already answered SUCCESS. Names are
written from the data's root with dots; `items[]` is an element of the list `items`, `items[].title` a field.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .nodes import Block, Mustache, Node, Path


@dataclass(frozen=True, slots=True)
class TemplateVariables:
    """The variables of each part. Serialised as lists on the stored version."""

    subject: frozenset[str]
    html: frozenset[str]
    text: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every variable of every part."""
        return self.subject | self.html | self.text

    @property
    def plain(self) -> frozenset[str]:
        """The variables that subject and text read, unescaped."""
        return self.subject | self.text

    def roots(self) -> frozenset[str]:
        """The top-level names: what the data must hold."""
        return frozenset(root_of(name) for name in self.all)

    def as_json(self) -> dict[str, list[str]]:
        """Lists, sorted, for a JSON column."""
        return {"subject": sorted(self.subject), "html": sorted(self.html), "text": sorted(self.text)}

    @classmethod
    def from_json(cls, stored: dict[str, list[str]]) -> "TemplateVariables":
        """The inverse of `as_json`; a part that is not stored has no variables."""
        names = {part: frozenset(stored.get(part, [])) for part in ("subject", "html", "text")}
        return cls(names["subject"], names["html"], names["text"])


def root_of(name: str) -> str:
    """`items[].title` → `items`, `contact.city` → `contact`."""
    return name.split(".", 1)[0].removesuffix("[]")


def find_variables(nodes: list[Node]) -> frozenset[str]:
    """The names that a tree without partials reads, conditions and lists included."""
    found: set[str] = set()
    _collect(nodes, [""], found)
    return frozenset(found)


def lines_of(nodes: list[Node]) -> dict[str, int]:
    """The first line on which each variable stands."""
    lines: dict[str, int] = {}
    _collect_lines(nodes, [""], lines)
    return lines


def always_shown(nodes: list[Node]) -> frozenset[str]:
    """The names that are printed outside of every block: nothing in the data can hide them."""
    return frozenset(
        resolved for node in nodes if isinstance(node, Mustache) for resolved in _resolve(node.path, [""])
    )


def _resolve(path: Path, contexts: list[str]) -> Iterable[str]:
    if path.data == "root":
        return [".".join(path.segments)]
    if path.data:
        return []
    base = contexts[max(0, len(contexts) - 1 - path.ups)]
    name = ".".join(path.segments)
    if not base:
        return [name] if name else []
    return [f"{base}.{name}" if name else base]


def _collect(nodes: list[Node], contexts: list[str], found: set[str]) -> None:
    for node in nodes:
        if isinstance(node, (Mustache, Block)):
            found.update(_resolve(node.path, contexts))
        if isinstance(node, Block):
            _collect(node.body, _inner(node, contexts), found)
            _collect(node.inverse or [], contexts, found)


def _collect_lines(nodes: list[Node], contexts: list[str], lines: dict[str, int]) -> None:
    for node in nodes:
        if isinstance(node, (Mustache, Block)):
            for name in _resolve(node.path, contexts):
                lines.setdefault(name, node.line)
        if isinstance(node, Block):
            _collect_lines(node.body, _inner(node, contexts), lines)
            _collect_lines(node.inverse or [], contexts, lines)


def _inner(block: Block, contexts: list[str]) -> list[str]:
    if not block.enters:
        return contexts
    resolved = next(iter(_resolve(block.path, contexts)), "")
    return [*contexts, f"{resolved}[]" if block.helper == "each" else resolved]
