"""What people paste, mistype and try: each is named, with its line, and nothing breaks on it."""

import pytest

from campaigns.rendering import Source, SourceKind, check_template, text_from_html
from campaigns.rendering.links import read_document
from campaigns.rendering.markup_checks import check_markup
from campaigns.rendering.problems import Level, Part

KNOWN = {"name", "city", "items", "url", "unsubscribe_url", "postal_address"}
FOOT = '<p><a href="{{unsubscribe_url}}">Leave</a></p><p>{{postal_address}}</p>'
TEXT = "Hi\n{{unsubscribe_url}}\n{{postal_address}}"
GOOD = {"subject": "A good subject", "html": "<p>x</p>" + FOOT, "text": TEXT}
WORD = (
    "<p class=MsoNormal style='margin-bottom:0cm;mso-pagination:none'><o:p>&nbsp;</o:p><span lang=EN-GB "
    'style="font-family:\\"Calibri\\",sans-serif;color:#1F497D">Words &amp; more<![if !supportEmptyParas]></span></p>\n'
)


def findings(**parts: str) -> dict[tuple[str, str], Level]:
    checked = check_template(Source(**{**GOOD, **parts}), known=KNOWN)
    return {(f.code, str(f.part)): f.level for f in checked.findings}


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("{{#if name}}", "unclosed_block"),
        ("{{#each items}}{{this}}", "unclosed_block"),
        ("{{/if}}", "stray_close"),
        ("{{name", "broken_tag"),
        ("{{#if name}}" * 100 + "{{/if}}" * 100, "too_deep"),
        ('{{#* inline "a"}}{{> a}}{{/inline}}{{> a}}', "nested_partial"),
        ('{{#* inline "a"}}{{> b}}{{/inline}}{{#* inline "b"}}{{> a}}{{/inline}}{{> a}}', "nested_partial"),
        ("{{constructor}}", "bad_path"),
        ("{{name.constructor.prototype}}", "bad_path"),
        ("{{#with __proto__}}x{{/with}}", "bad_path"),
        ("{{constructor.constructor 'alert(1)'}}", "bad_path"),
    ],
)  # fmt: skip
def test_handlebars_that_ses_would_choke_on_is_refused_in_every_part(part: Part, bad: str, code: str) -> None:
    assert findings(**{str(part): GOOD[str(part)] + bad})[code, str(part)] is Level.BLOCKING


@pytest.mark.parametrize("bad", ["{{#if name}}", "{{/each}}", "{{constructor}}", "{{name"])
def test_a_preheader_is_held_to_the_same(bad: str) -> None:
    checked = check_template(Source(**GOOD, preheader=bad), known=KNOWN)
    assert not checked.is_valid


@pytest.mark.parametrize(
    ("subject", "code", "level"),
    [
        ("Two\nlines of subject", "subject_lines", Level.BLOCKING),
        ("Two\r\nBcc: lines@example.com", "subject_lines", Level.BLOCKING),
        ("x" * 998, "long_subject", Level.WARNING),
        ("Backwards \u202e from here", "open_direction", Level.WARNING),
        ("Isolated \u2067 for ever", "open_direction", Level.WARNING),
    ],
)
def test_a_subject_that_goes_wrong_is_named(subject: str, code: str, level: Level) -> None:
    assert findings(subject=subject)[code, "subject"] is level


@pytest.mark.parametrize(
    "subject", ["\u202bWords that turn\u202c", "\u200fA mark alone", "\u2068Ann\u2069 and friends"]
)
def test_marks_of_direction_that_are_closed_are_right(subject: str) -> None:
    assert findings(subject=subject) == {}


@pytest.mark.parametrize(
    ("href", "code", "level"),
    [
        ("javascript:alert(1)", "broken_link", Level.BLOCKING),
        ("JaVaScRiPt:alert(1)", "broken_link", Level.BLOCKING),
        ("java&#10;script:alert(1)", "broken_link", Level.BLOCKING),
        (" data:text/html,x", "broken_link", Level.BLOCKING),
        ("vbscript:x", "broken_link", Level.BLOCKING),
        ("//example.com/x", "broken_link", Level.BLOCKING),
        ("http://localhost:8000/", "local_link", Level.BLOCKING),
        ("http://[::1]/", "local_link", Level.BLOCKING),
        ("https://{{city}}.example.com/", "variable_host", Level.WARNING),
        ("https://{{city}}/", "variable_host", Level.WARNING),
        ("https://example.com@{{city}}/", "variable_host", Level.WARNING),
        ("javascript:{{name}}", "broken_link", Level.BLOCKING),
        ("http://example.com/", "http_link", Level.WARNING),
    ],
)
def test_a_link_that_leads_astray_is_named(href: str, code: str, level: Level) -> None:
    for source in (f'<a href="{href}">x</a>', f"<a href='{href}'>x</a>"):
        found = list(check_markup(read_document(source), source, ""))
        assert [(f.code, f.level) for f in found] == [(code, level)]


@pytest.mark.parametrize(
    "href", ["{{url}}", "https://example.com/{{city}}?a={{name}}#{{city}}", "mailto:a@example.com"]
)
def test_a_variable_may_stand_in_the_path_or_be_the_address(href: str) -> None:
    source = f'<a href="{href}">x</a>'
    assert list(check_markup(read_document(source), source, "")) == []


@pytest.mark.parametrize("kind", list(SourceKind))
def test_five_megabytes_of_word_are_refused_before_anything_reads_them(kind: SourceKind) -> None:
    checked = check_template(Source("A good subject", WORD * 24_000, kind=kind), known=KNOWN)
    assert "too_large" in {f.code for f in checked.findings}
    assert len(checked.findings) == 1


def test_a_page_of_word_is_read_and_keeps_its_words() -> None:
    page = f"<html xmlns:o='urn:schemas-microsoft-com:office:office'><body>{WORD * 20}{FOOT}</body></html>"
    assert not [f for f in findings(html=page).values() if f is Level.BLOCKING]
    assert text_from_html(page).count("Words & more") == 20
