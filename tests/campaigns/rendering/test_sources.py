"""Twenty templates as companies send them: shops, newsletters, receipts, invitations; with loops and conditions.

They are written by hand, and as people write them: Windows line ends, tags that nobody closed, what Word makes of a
letter, four alphabets, tables for Outlook. Read them as bytes: their line ends belong to them.
"""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from campaigns.entries import BUILT_IN
from campaigns.rendering import Checked, Part, Source, build_stored, check_template, render, render_stored
from campaigns.rendering.data import DataBuilder
from mailplatform.sandbox.handlebars import Engine

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "templates"
PATHS = sorted(FOLDER.iterdir())
VALUES: dict[str, Any] = {
    "name": "Zoë <Lee> & Co", "first_name": "Zoë", "vip": "yes", "city": "Köln", "discount": "20", "total": "51.00",
    "order_number": "A-1", "company": "Example Ltd", "postal_address": "1 High Street",
    "unsubscribe_url": "https://n.example/u/", "view_url": "https://n.example/v/",
    "preferences_url": "https://n.example/p/", "email": "zoe@example.org", "language": "en", "coupon": "ZOE 10",
    "points": "1250", "shipping": "4.90", "tax": "8.14", "note": "",
    "address": {"street": "Am Hafen 1", "zip": "20457", "city": "Hamburg", "country": ""},
    "event": {"title": "Nights & days", "date": "4 December", "venue": {"name": "Old <hall>", "street": "Quay 2"}},
    "sessions": [
        {"time": "9:00", "title": "Opening", "speakers": [{"name": "Ann", "role": "host"}, {"name": "Bo", "role": ""}]},
        {"time": "10:30", "title": '"Why?"', "speakers": []},
    ],
    "items": [
        {"title": "Tea <pot>", "price": "39.00", "link": "https://s.example/1", "tags": ["a", "b & c"]},
        {"title": "Cup", "price": "12.00", "link": "", "tags": []},
    ],
}  # fmt: skip


def checked(path: Path) -> Checked:
    source = Source("Hello {{name}}, news", path.read_bytes().decode(), kind=path.suffix[1:])
    return check_template(source, known=BUILT_IN | VALUES.keys())


TEMPLATES = {path.name: checked(path) for path in PATHS}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_it_compiles_and_shows_everything_it_was_given(path: Path) -> None:
    template = checked(path)
    assert template.is_valid, template.findings
    shown = render(template, DataBuilder(template.variables).as_dict(VALUES))
    assert "{{" not in shown.html + shown.text
    assert "<pot>" not in shown.html
    assert "mpword" not in shown.html + shown.text
    if "items[].title" in template.variables.html:
        assert shown.html.count("Tea &lt;pot&gt;") == shown.html.count("Cup") or "nested" in path.name
    assert "ses:no-track" in build_stored(template).html


def test_there_are_twenty_as_large_as_what_is_sent() -> None:
    assert len(PATHS) == 20
    assert [path.name for path in PATHS if not 5_000 <= path.stat().st_size <= 60_000] == []
    written = [path.read_bytes().decode() for path in PATHS]
    assert all("{{#each " in source and re.search(r"\{\{~?#if ", source) for source in written)


def test_they_render_alike_here_and_in_the_engine_of_handlebars_itself() -> None:
    async def theirs() -> list[dict[str, str]]:
        engine = Engine()
        try:
            return [(await engine.render(parts, [data]))[0]["parts"] for parts, data in jobs]
        finally:
            await engine.stop()

    stored = [build_stored(template) for template in TEMPLATES.values()]
    parts: list[dict[str, str | None]] = [
        {"subject": s.subject, "html": s.html, "text": s.text} for s in stored
    ]
    data = [DataBuilder(s.variables).as_dict(VALUES) for s in stored]
    jobs = list(zip(parts, data, strict=True))
    for name, (written, values), other in zip(TEMPLATES, jobs, asyncio.run(theirs()), strict=True):
        ours = render_stored({Part(part): str(source) for part, source in written.items()}, values)
        assert ours.html == other["html"], name
        assert ours.text == other["text"], name
        assert ours.subject == other["subject"], name


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    """Every element with the names of its attributes: what a value must never change."""
    return [
        (str(e.tag), sorted(map(str, e.attrib.keys()))) for e in lxml_html.document_fromstring(page).iter()
    ]


WORDS = st.text(
    st.sampled_from("<>\"'&{}/=;:-!`ax\r\n\t\u2028\u202e\x00") | st.characters(codec="utf-8"), max_size=30
)


def can_be_seen(word: str) -> bool:
    """Whether anything of it is left in a mail: what has only control characters is as good as missing."""
    return any(char.isprintable() and not char.isspace() for char in word)


def everywhere(value: Any, word: str) -> Any:
    """The same data with one word in the place of every text."""
    if isinstance(value, dict):
        return {key: everywhere(each, word) for key, each in value.items()}
    return [everywhere(each, word) for each in value] if isinstance(value, list) else word


@given(st.sampled_from([path.name for path in PATHS]), WORDS.filter(can_be_seen))
def test_a_value_never_becomes_markup_header_or_tag(name: str, value: str) -> None:
    def given_to(word: str) -> tuple[str, str, str]:
        values = {**everywhere(VALUES, word), "vip": "yes"}
        shown = render(TEMPLATES[name], DataBuilder(TEMPLATES[name].variables).as_dict(values))
        return shown.subject, shown.html, shown.text

    plain, wild = given_to("plain"), given_to(value)
    assert skeleton(wild[1]) == skeleton(plain[1])
    assert not set(wild[0]) & set("\r\n\x00\u2028\u2029")
    assert len(wild[2].splitlines()) == len(plain[2].splitlines())
