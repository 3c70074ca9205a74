import pytest

from campaigns.rendering import Source, check_template
from campaigns.rendering.problems import Level

KNOWN = {"name", "unsubscribe_url", "postal_address", "items"}
FOOT = '<p><a href="{{unsubscribe_url}}">Leave</a></p><p>{{postal_address}}</p>'
TEXT_FOOT = "\n{{unsubscribe_url}}\n{{postal_address}}"


def found(html: str = "<p>x</p>" + FOOT, subject: str = "A good subject", text: str = "") -> dict[str, Level]:
    checked = check_template(Source(subject, html, text), known=KNOWN, public_host="127.0.0.1")
    return {f.code: f.level for f in checked.findings}


def test_a_good_template_has_no_findings() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ("<p>{{postal_address}}</p>", "no_unsubscribe"),
        ("<p>{{unsubscribe_url}} {{postal_address}}</p>", "no_unsubscribe"),
        ('{{#if name}}<a href="{{unsubscribe_url}}">x</a>{{/if}}{{postal_address}}', "no_unsubscribe"),
        ('<a href="{{unsubscribe_url}}">x</a>', "no_postal_address"),
        ("<p>{{nmae}}</p>" + FOOT, "unknown_variable"),
        ("{{#each thing}}x{{/each}}" + FOOT, "unknown_variable"),
        ("{{#if name}}" + FOOT, "unclosed_block"),
        ("{{/each}}" + FOOT, "stray_close"),
        ('<a href="">x</a>' + FOOT, "empty_link"),
        ('<a href="www.example.com">x</a>' + FOOT, "broken_link"),
        ('<a href="javascript:alert(1)">x</a>' + FOOT, "broken_link"),
        ('<a href="https://[broken">x</a>' + FOOT, "broken_link"),
        ('<a href="http://localhost:8000/x">x</a>' + FOOT, "local_link"),
        ('<a href="https://192.168.1.4/">x</a>' + FOOT, "local_link"),
        ('<a href="https://intranet.local/">x</a>' + FOOT, "local_link"),
        ('<img src="logo.png" alt="">' + FOOT, "broken_image"),
        ("", "no_unsubscribe"),
    ],
)
def test_blocking(html: str, code: str) -> None:
    codes = found(html) if html else found("", text="text only")
    assert codes.get(code) is Level.BLOCKING


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="#">x</a>' + FOOT, "empty_link"),
        ('<a href="http://example.com/">x</a>' + FOOT, "http_link"),
        ('<img src="https://example.com/a.png">' + FOOT, "no_alt"),
        ('<img src="http://example.com/a.png" alt="">' + FOOT, "http_image"),
        ('<img src="data:image/png;base64,AAAA" alt="">' + FOOT, "data_image"),
        ("<script>x()</script>" + FOOT, "unsafe_element"),
        ("<p>" + "x" * 103_000 + "</p>" + FOOT, "clipped"),
    ],
)
def test_warnings_do_not_block(html: str, code: str) -> None:
    codes = found(html)
    assert codes[code] is Level.WARNING
    assert Level.BLOCKING not in codes.values()


@pytest.mark.parametrize(
    ("subject", "code", "level"),
    [
        ("", "empty_subject", Level.BLOCKING),
        ("   ", "empty_subject", Level.BLOCKING),
        ("one\ntwo", "subject_lines", Level.BLOCKING),
        ("x" * 90, "long_subject", Level.WARNING),
        ("Hi", "short_subject", Level.ADVICE),
        ("Hi {{nmae}}, welcome", "unknown_variable", Level.BLOCKING),
    ],
)
def test_subject(subject: str, code: str, level: Level) -> None:
    assert found(subject=subject)[code] is level


def test_an_emoji_counts_as_one_character() -> None:
    assert found(subject="🎉" * 78) == {}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Hi\n{{postal_address}}", "no_unsubscribe"),
        ("Hi\n{{unsubscribe_url}}", "no_postal_address"),
        ("Hi {{oops}}" + TEXT_FOOT, "unknown_variable"),
        ("{{#if name}}" + TEXT_FOOT, "unclosed_block"),
    ],
)
def test_a_text_part_of_ones_own_is_held_to_the_same_rules(text: str, code: str) -> None:
    assert found(text=text)[code] is Level.BLOCKING


def test_our_own_links_on_a_loopback_address_are_exempt() -> None:
    assert found('<a href="http://127.0.0.1:8000/about">x</a>' + FOOT) == {}


def test_a_text_part_is_written_when_there_is_none() -> None:
    checked = check_template(Source("A good subject", "<h1>Hi {{name}}</h1>" + FOOT), known=KNOWN)
    assert checked.text_is_generated
    assert checked.variables.text == {"name", "unsubscribe_url", "postal_address"}


def test_html_without_any_text_needs_a_text_part() -> None:
    assert found('<img src="https://example.com/a.png">')["no_text"] is Level.BLOCKING


def test_blocking_findings_come_first() -> None:
    html = '<img src="https://example.com/a.png"><p>{{oops}}</p>' + FOOT
    checked = check_template(Source("Hi", html), known=KNOWN)
    assert [f.level for f in checked.findings] == [Level.BLOCKING, Level.WARNING, Level.ADVICE]


def test_equal_questions_are_answered_once() -> None:
    first, again = (
        check_template(Source("A good subject", "<p>once</p>" + FOOT), known=list(KNOWN)) for _ in "12"
    )
    assert again is first


def test_a_link_in_a_partial_that_nobody_uses_is_no_way_out() -> None:
    unused = '{{#* inline "foot"}}<a href="{{unsubscribe_url}}">Leave</a>{{/inline}}'
    assert found(f"{unused}<p>{{{{unsubscribe_url}}}} {{{{postal_address}}}}</p>") == {
        "no_unsubscribe": Level.BLOCKING
    }
