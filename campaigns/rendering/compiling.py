"""From an author's template part to what is stored in SES and to what the preview renders.

Inline partials are put in place (SES keeps none across parts, and a renderer must never meet a recursive
one), and the HTML part reads its variables from `html.…`: SES escapes nothing, so every variable is sent
twice, plain for subject and text and escaped under `html`.
https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
"""

from collections.abc import Callable

from .nodes import Block, Mustache, Node, PartialCall, Path, Text
from .parser import Parsed
from .problems import Finding, Level, Part, TemplateError

ESCAPED_ROOT = "html"

Rewrite = Callable[[Path, int], Path]


def expand(parsed: Parsed) -> list[Node]:
    """The tree with every partial call replaced by the partial's body. A partial cannot call another one."""
    return _expand(parsed.nodes, parsed.partials)


def _expand(nodes: list[Node], partials: dict[str, list[Node]]) -> list[Node]:
    expanded: list[Node] = []
    for node in nodes:
        if isinstance(node, PartialCall):
            expanded.extend(partials[node.name])
        elif isinstance(node, Block):
            inverse = None if node.inverse is None else _expand(node.inverse, partials)
            body = _expand(node.body, partials)
            expanded.append(Block(node.helper, node.path, node.line, body, inverse, node.trims))
        else:
            expanded.append(node)
    return expanded


def is_root_path(path: Path, depth: int) -> bool:
    """Whether a path, used inside `depth` contexts, is looked up in the data itself."""
    if path.data:
        return path.data == "root"
    return path.ups == depth and bool(path.segments)


def to_escaped(path: Path, depth: int) -> Path:
    """The same variable in the escaped copy. Paths relative to an `each` follow their list and stay."""
    if not is_root_path(path, depth):
        return path
    return Path((ESCAPED_ROOT, *path.segments), path.ups, path.data)


def unchanged(path: Path, _depth: int) -> Path:
    """The rewrite of subject and text: none."""
    return path


def serialize(nodes: list[Node], rewrite: Rewrite = unchanged) -> str:
    """Write the tree as a template again."""
    out: list[str] = []
    _write(nodes, out, rewrite, 0)
    return "".join(out)


def _tag(inner: str, trim: tuple[bool, bool]) -> str:
    left, right = ("~" if trim[0] else ""), ("~" if trim[1] else "")
    return f"{{{{{left}{inner}{right}}}}}"


def _write(nodes: list[Node], out: list[str], rewrite: Rewrite, depth: int) -> None:
    for node in nodes:
        if isinstance(node, Text):
            out.append(node.value)
        elif isinstance(node, Mustache):
            inner = str(rewrite(node.path, depth))
            out.append(_tag(inner, (node.opened, node.closed)))
        elif isinstance(node, Block):
            _write_block(node, out, rewrite, depth)


def _write_block(block: Block, out: list[str], rewrite: Rewrite, depth: int) -> None:
    trims = [*block.trims, (False, False), (False, False), (False, False)]
    inner_depth = depth + 1 if block.enters else depth
    out.append(_tag(f"#{block.helper} {rewrite(block.path, depth)}", trims[0]))
    _write(block.body, out, rewrite, inner_depth)
    if block.inverse is not None:
        out.append(_tag("else", trims[1]))
        # The inverse of an `each` or `with` runs where the block stands: nothing was entered.
        _write(block.inverse, out, rewrite, depth)
    out.append(_tag(f"/{block.helper}", trims[2] if block.inverse is not None else trims[1]))


def check_expanded(nodes: list[Node], part: Part, depth: int = 0, *, in_loop: bool = False) -> list[Finding]:
    """Findings that show only where a partial is used: paths that climb too far, `this` and `@index` at the top."""
    findings: list[Finding] = []
    for node in nodes:
        if isinstance(node, Text | PartialCall):
            continue
        path = node.path
        if not path.data and (path.ups > depth or (path.ups == depth and not path.segments)):
            message = f"{{{{{path}}}}} points at nothing where it is used."
            findings.append(Finding(Level.BLOCKING, "bad_path", message, part, node.line))
        if path.data and path.data != "root" and not in_loop:
            message = f"{{{{{path}}}}} only means something inside {{{{#each}}}}."
            findings.append(Finding(Level.BLOCKING, "bad_path", message, part, node.line))
        if isinstance(node, Block):
            inner = depth + 1 if node.enters else depth
            findings += check_expanded(node.body, part, inner, in_loop=in_loop or node.helper == "each")
            findings += check_expanded(node.inverse or [], part, depth, in_loop=in_loop)
    return findings


def compile_part(parsed: Parsed, part: Part) -> list[Node]:
    """The expanded, safe tree of one part, or `TemplateError` with every blocking finding."""
    blocking = [f for f in parsed.findings if f.is_blocking]
    if blocking:
        raise TemplateError(blocking)
    nodes = expand(parsed)
    problems = check_expanded(nodes, part)
    if problems:
        raise TemplateError(problems)
    return nodes
