"""Excel workbooks and archives as bytes, made by hand so that tests say exactly what stands in them."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

Cell = str | int | float | None
_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    "{parts}</Relationships>"
)


def archive(files: Mapping[str, bytes | str], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP of these files, under exactly these names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as made:
        for name, data in files.items():
            made.writestr(zipfile.ZipInfo(name) if ".." in name else name, data)
    return target.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]], *, far_cell: str = "") -> bytes:
    """Return a workbook; a text that begins with ``=`` becomes a formula, whose stored value stands after ``→``."""
    parts: dict[str, bytes | str] = {"[Content_Types].xml": _TYPES}
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(names, 1)
    )
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>{listed}</sheets></workbook>'
    )
    parts["_rels/.rels"] = _RELS.format(
        parts=f'<Relationship Id="r" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/>'
    )
    parts["xl/_rels/workbook.xml.rels"] = _RELS.format(
        parts="".join(
            f'<Relationship Id="rId{number}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in range(1, len(names) + 1)
        )
    )
    for number, rows in enumerate(sheets.values(), 1):
        body = "".join(_row(place, row) for place, row in enumerate(rows, 1))
        if far_cell:
            body += f'<row><c r="{far_cell}"><v>1</v></c></row>'
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    return archive(parts)


def _row(number: int, cells: Sequence[Cell]) -> str:
    made = "".join(
        _cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(cells) if value is not None
    )
    return f'<row r="{number}">{made}</row>'


def _cell(place: str, value: Cell) -> str:
    if isinstance(value, str) and value.startswith("="):
        formula, _, result = value[1:].partition("→")
        return f'<c r="{place}" t="str"><f>{escape(formula)}</f><v>{escape(result)}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'
