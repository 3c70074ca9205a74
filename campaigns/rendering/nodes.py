"""The parse tree of a template part. Only what Amazon SES documents exists here, so only that can be sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Path:
    """A variable's address: `../` steps up, an optional `@root` or `@index`-like data name, then segments."""

    segments: tuple[str, ...]
    ups: int = 0
    data: str = ""

    def __str__(self) -> str:
        if self.data:
            return ".".join((f"@{self.data}", *self.segments))
        return "../" * self.ups + (".".join(self.segments) or "this")


THIS: Final = Path(())


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text, copied as it stands."""

    value: str


@dataclass(frozen=True, slots=True)
class Mustache:
    """One value, `{{path}}`. `opened` and `closed` tell whether white space is trimmed before and after."""

    path: Path
    line: int
    opened: bool = False
    closed: bool = False


@dataclass(slots=True)
class Block:
    """`{{#if path}} body {{else}} inverse {{/if}}`; trims are those of the opening, else and closing tag."""

    helper: str
    path: Path
    line: int
    body: "list[Node]" = field(default_factory=list)
    inverse: "list[Node] | None" = None
    trims: list[tuple[bool, bool]] = field(default_factory=list)

    @property
    def enters(self) -> bool:
        """Whether `../` inside leads out of this block again. As in handlebars.js, `{{#with this}}` enters nothing."""
        return self.helper in CONTEXT_HELPERS and (self.helper == "each" or self.path != THIS)


@dataclass(frozen=True, slots=True)
class PartialCall:
    """`{{> name}}`: replaced by the inline partial's body before anything is rendered."""

    name: str
    line: int


Node = Text | Mustache | Block | PartialCall

CONTEXT_HELPERS = frozenset({"each", "with"})


def walk(nodes: list[Node]) -> Iterator[Node]:
    """Every node of the tree, in document order."""
    for node in nodes:
        yield node
        if isinstance(node, Block):
            yield from walk(node.body)
            yield from walk(node.inverse or [])
