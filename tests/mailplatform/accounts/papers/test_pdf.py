"""A PDF is made of any text, tagged, and nothing in it is markup."""

import re
import zlib

import pytest

from mailplatform.accounts.papers import pdf
from tests.mailplatform.accounts.papers.nasty import NASTY, paper


@pytest.mark.parametrize("text", [NASTY, "Ελληνικά Български Żółć €", "日本語 \x00 العربية", ""])
def test_pdf_takes_any_text(text: str) -> None:
    made = pdf.render(paper(text))
    assert made.startswith(b"%PDF-")
    assert made.rstrip().endswith(b"%%EOF")


def test_pdf_is_tagged_and_names_its_title() -> None:
    made = pdf.render(paper("Ελληνικά"))
    streams = [
        made,
        *(_inflated(part) for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL)),
    ]
    assert any(b"pdfuaid" in part for part in streams)


def _inflated(part: bytes) -> bytes:
    try:
        return zlib.decompress(part)
    except zlib.error:
        return b""
