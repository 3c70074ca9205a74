"""A paper as PDF, set by typst inside this process: no browser, no network, no system library.

The values reach typst as JSON and are set as text, so nothing in them can be markup. Its own fonts cover every
language of the EU; where a value needs others, those of the machine are used, and a missing sign shows as a box.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

from .blocks import FILL_IN, Block, Gap, Heading, Paper, Para, Points, Table

NOTICE: Final = "Draft, to be checked by a lawyer."
_LOOK: Final = Path(__file__).with_name("paper.typ")
_WIDEST: Final = 6
_BREAK: Final = re.compile(r"[\s./_-]")
_LONG_WORD: Final = re.compile(r"\S{12,}")
_JOINT: Final = re.compile(r"[./_-]")


def render(paper: Paper) -> bytes:
    """Return the PDF, tagged for readers' aids (PDF/UA-1) where the fonts allow it."""
    import typst  # ten megabytes that a server needs only when somebody asks for a paper

    look = _LOOK.read_bytes()
    inputs = {"paper": json.dumps(_data(paper), ensure_ascii=False)}
    try:
        made = typst.compile(look, sys_inputs=inputs, pdf_standards=["ua-1"], ignore_system_fonts=True)
    except typst.TypstError as error:
        if "PDF/UA" not in str(error):
            raise
        made = typst.compile(look, sys_inputs=inputs)
    assert isinstance(made, bytes)
    return made


def _data(paper: Paper) -> dict[str, Any]:
    blocks = list(paper.blocks)
    if paper.gaps:
        blocks += [Heading("Still to be filled in"), Points(paper.gaps)]
    blocks += [Heading("Settings from which this was made"), paper.settings]
    return {
        "title": _plain(paper.title),
        "controller": _plain(dict(paper.made).get("Controller", "")),
        "notice": NOTICE,
        "footer": _plain(dict(paper.made).get("Made", "")),
        "made": [[_plain(name), _plain(value)] for name, value in paper.made],
        "warnings": [_plain(text) for text in paper.warnings],
        "blocks": [_block(block) for block in blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading():
            return {"kind": "heading", "text": _plain(block.text)}
        case Para():
            lines = [line for line in block.text.splitlines() if line.strip()]
            return {"kind": "para", "lines": [_cell(line) for line in lines]}
        case Points():
            return {"kind": "points", "items": [_cell(text) for text in block.items]}
        case Table():
            return {
                "kind": "table",
                "head": [_cell(text) for text in block.head],
                "rows": [[_cell(text) for text in row] for row in block.rows],
                "columns": _widths(block),
            }


def _widths(table: Table) -> list[int]:
    """Return the share of each column: enough for its longest word, and more the longer its texts are."""
    columns = zip(table.head, *table.rows, strict=True)
    return [
        max(2, *(min(_WIDEST, max(len(cell) // 12, _longest_word(cell) // 3)) for cell in column))
        for column in columns
    ]


def _longest_word(text: str) -> int:
    return max(map(len, _BREAK.split(text)), default=0)


def _cell(text: str) -> dict[str, Any]:
    return {"text": _plain(text), "gap": isinstance(text, Gap) or text.startswith(f"[{FILL_IN}")}


def _plain(text: str) -> str:
    """Return the text without control characters, its long words breakable after a dot, slash or underline."""
    words = "".join(c if c.isprintable() else " " for c in text)
    return _LONG_WORD.sub(lambda match: _JOINT.sub("\\g<0>\u200b", match.group()), words)
