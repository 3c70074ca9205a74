import pytest

from campaigns.media import kinds
from tests.factories.media import PDF, office, picture

GOOD = [
    ("a.png", picture(), kinds.PNG),
    ("a.jpeg", picture(kind="JPEG"), kinds.JPEG),
    ("a.gif", picture(kind="GIF"), kinds.GIF),
    ("a.webp", picture(kind="WEBP"), kinds.WEBP),
    ("a.pdf", PDF, kinds.PDF),
    ("a.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", kinds.ICS),
    ("a.vcf", b"\xef\xbb\xbfBEGIN:VCARD\r\nEND:VCARD\r\n", kinds.VCF),
    ("a.txt", "Grüße".encode(), kinds.TEXT),
    ("a.csv", b"a,b\n1,2\n", kinds.CSV),
    ("a.docx", office("word/document.xml"), kinds.DOCX),
    ("a.xlsx", office("xl/workbook.xml"), kinds.XLSX),
    ("a.pptx", office("ppt/presentation.xml"), kinds.PPTX),
]
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
BAD = [
    ("a.svg", SVG, "SVG can hold a program"),
    ("a.png", SVG, "SVG can hold a program"),
    ("a.txt", SVG, "SVG can hold a program"),
    ("a.txt", b"<html><script>alert(1)</script>", "the library takes"),
    ("a.png", picture(kind="JPEG"), "named .png, but holds image/jpeg"),
    ("a.pdf", picture(), "named .pdf, but holds image/png"),
    ("a.jpg", PDF, "named .jpg, but holds application/pdf"),
    ("a.exe", b"MZ\x90\x00", "the library takes"),
    ("a.png", b"MZ\x90\x00", "the library takes"),
    ("a.js", b"alert(1)", "the library takes"),
    ("a.heic", b"\0\0\0\x18ftypheic\0\0", "HEIC"),
    ("a.txt", b"a\0b", "the library takes"),
    ("a.txt", b"\xff\xfe\xff", "the library takes"),
    ("a.png", b"", "empty"),
    ("a.docx", office("word/document.xml", "word/vbaProject.bin"), "macros"),
    ("a.zip", office("anything.txt"), "an archive"),
    ("a.docx", b"PK\x03\x04 and no archive", "an archive"),
    (
        "a.pdf",
        PDF.replace(b"/Type", b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>/Type"),
        "holds a program",
    ),
    ("a.pdf", PDF.replace(b"/Type", b"/Names<</EmbeddedFiles 2 0 R>>/Type"), "or another file"),
    ("a.pdf", PDF + b" " * kinds.MAX_DOCUMENT_BYTES, "larger than 5 MB"),
    ("a.png", picture() + b" " * kinds.MAX_IMAGE_BYTES, "larger than 20 MB"),
]


@pytest.mark.parametrize(("name", "content", "kind"), GOOD, ids=[name for name, _, _ in GOOD])
def test_a_file_is_what_its_bytes_say(name: str, content: bytes, kind: kinds.Kind) -> None:
    assert kinds.kind_of(content, name) is kind


@pytest.mark.parametrize(("name", "content", "words"), BAD, ids=[f"{n} {w}" for n, _, w in BAD])
def test_what_is_unknown_risky_or_wrongly_named_is_refused_with_words(
    name: str, content: bytes, words: str
) -> None:
    with pytest.raises(kinds.UnusableFile, match=words) as caught:
        kinds.kind_of(content, name)
    assert str(caught.value).startswith(f"“{name}”")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Photo.PNG", "Photo.png"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\a  b.jpg", "a b.jpg"),
        ('a"b<c>\r\n.png', "a b c.png"),
        (f"{'x' * 300}.png", f"{'x' * 116}.png"),
    ],
)
def test_names_are_kept_without_paths_and_signs_that_systems_refuse(given: str, kept: str) -> None:
    assert kinds.clean_name(given) == kept


@pytest.mark.parametrize("name", ["", "picture", ".png", "/"])
def test_a_name_without_ending_is_refused(name: str) -> None:
    with pytest.raises(kinds.UnusableFile, match="needs a name with an ending"):
        kinds.clean_name(name)
