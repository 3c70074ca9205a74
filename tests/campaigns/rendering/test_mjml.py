import re

import pytest

from campaigns.rendering import Source, SourceKind, build_stored, check_template, render
from campaigns.rendering.data import DataBuilder
from campaigns.rendering.mjml import compile_mjml

KNOWN = {"name", "vip", "items", "rows", "url", "unsubscribe_url", "postal_address"}
FOOT = (
    '<mj-section><mj-column><mj-text><a href="{{unsubscribe_url}}">Leave</a>{{postal_address}}</mj-text>'
    "</mj-column></mj-section>"
)


def mail(body: str, head: str = "") -> str:
    return f"<mjml>\n<mj-head>{head}</mj-head>\n<mj-body>\n{body}\n{FOOT}</mj-body>\n</mjml>"


def column(content: str) -> str:
    return f"<mj-section><mj-column>\n{content}\n</mj-column></mj-section>"


def shown(source: str, **values: object) -> str:
    checked = check_template(Source("A good subject", source, kind=SourceKind.MJML), known=KNOWN)
    assert checked.is_valid, checked.findings
    return render(checked, DataBuilder(checked.variables).as_dict(values)).html


def visible(html: str) -> str:
    return " ".join(re.sub(r"<!--.*?-->|<style.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split())


def findings(source: str) -> list[tuple[str, int]]:
    checked = check_template(Source("A good subject", source, kind=SourceKind.MJML), known=KNOWN)
    return [(f.code, f.line) for f in checked.findings if f.is_blocking]


def test_rows_are_repeated_inside_the_table_and_nowhere_else() -> None:
    table = "<mj-table><tr><th>Item</th></tr>{{#each rows}}<tr><td>{{this}}</td></tr>{{/each}}</mj-table>"
    html = shown(mail(column(table)), rows=["one", "two"])
    assert re.search(
        r"<table[^>]*><tr><th>Item</th></tr><tr><td>one</td></tr><tr><td>two</td></tr></table>", html
    )


def test_conditions_may_stand_around_sections_columns_and_components() -> None:
    body = (
        "{{#if vip}}"
        + column("<mj-text>Section</mj-text>")
        + "{{else}}"
        + column("<mj-text>Else</mj-text>")
        + "{{/if}}"
        "<mj-section>{{#if vip}}<mj-column>{{#unless url}}<mj-text>Inner</mj-text>{{/unless}}</mj-column>{{/if}}"
        "</mj-section>"
    )
    assert visible(shown(mail(body), vip="yes")).split()[:2] == ["Section", "Inner"]
    assert visible(shown(mail(body), vip="")).split()[:1] == ["Else"]


def test_ux_08_show_only_if_by_class_keeps_the_tables_alike() -> None:
    block = '<mj-text css-class="note hb-if--vip">For you</mj-text>'
    with_it, without = (shown(mail(column(block)), vip=vip) for vip in ("yes", ""))
    assert "For you" in with_it
    assert "For you" not in without
    row = re.search(r'<tr><td align="left" class="note".*?</td></tr>', with_it)
    assert row
    assert with_it.replace(row.group(), "") == without


def test_repeat_by_class_reads_each_element() -> None:
    block = column("<mj-text>{{title}} {{@root.name}}</mj-text>").replace(
        "<mj-section", '<mj-section css-class="hb-each--items"'
    )
    assert (
        visible(shown(mail(block), items=[{"title": "A"}, {"title": "B"}], name="Zoë"))[:11] == "A Zoë B Zoë"
    )


def test_a_comment_that_holds_tags_keeps_them_and_any_other_goes() -> None:
    body = "<!-- {{#if vip}} -->" + column("<mj-text>Only vip</mj-text>") + "<!-- {{/if}} --><!-- a note -->"
    html = shown(mail(body), vip="")
    assert "Only vip" not in html
    assert "a note" not in html


def test_html_that_is_no_xml_comes_through_as_it_is() -> None:
    inner = 'a<br>b&nbsp;&copy; <img src="https://x.example/a?b=1&c=2" alt="q"> 👩‍💻 "q" \\'
    assert inner in shown(mail(column(f"<mj-text>{inner}</mj-text>")))


@pytest.mark.parametrize("alt", ["Zoë 👩‍💻", "5 &gt; 4", "a \\ b", "it's"])
def test_words_of_an_image_are_not_rewritten(alt: str) -> None:
    html = shown(
        mail(column(f'<mj-image src="https://x.example/?a=1&b={{{{url}}}}" alt="{alt}" />')), url="u"
    )
    assert f'alt="{alt}"' in html
    assert 'src="https://x.example/?a=1&b=u"' in html


def test_the_preview_line_is_the_preheader_unless_there_is_one() -> None:
    source = mail(column("<mj-text>x</mj-text>"), "<mj-preview>Look &amp; see {{name}}</mj-preview>")
    assert ">Look &amp; see Zoë</div>" in shown(source, name="Zoë")
    checked = check_template(Source("A good subject", source, "", "Other", SourceKind.MJML), known=KNOWN)
    stored = build_stored(checked)
    assert ">Other</div>" in stored.html
    assert "Look" not in stored.html + stored.text


def test_inline_styles_are_written_to_elements_and_tables_stay_whole() -> None:
    head = '<mj-style inline="inline">.loud { color: red }</mj-style>'
    table = "<mj-table>{{#each rows}}<tr><td class='loud'>{{this}}</td></tr>{{/each}}</mj-table>"
    html = shown(mail(column(table), head), rows=["one"])
    assert re.search(r"<table[^>]*><tr><td class='loud' style=\"color: red;?\">one</td></tr></table>", html)


def test_no_stranger_is_asked_for_fonts_or_icons() -> None:
    html = shown(mail(column('<mj-text font-family="Roboto, Open Sans">x</mj-text>')))
    assert not re.search(r"googleapis|mailjet", html)
    social = '<mj-social><mj-social-element name="facebook" href="https://x.example">F</mj-social-element></mj-social>'
    assert ("mjml_icon", 5) in findings(mail(column(social)))
    font = mail(
        column('<mj-text font-family="Foo">x</mj-text>'), '<mj-font name="Foo" href="https://f.example/c" />'
    )
    checked = check_template(Source("A good subject", font, kind=SourceKind.MJML), known=KNOWN)
    assert "remote_font" in {f.code for f in checked.findings}


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", "mjml_syntax", 4),
        ("<p>hello</p>", "mjml_root", 1),
        ("just words", "mjml_syntax", 1),
        ("<mjml>\n</mjml>", "mjml_root", 1),
        (mail(column("<mj-foo />")), "mjml_unknown", 5),
        (mail("\n<mj-text>x</mj-text>"), "mjml_place", 5),
        (mail(column("loose words")), "mjml_text", 4),
        (mail('<mj-include path="/etc/passwd" />'), "mjml_include", 4),
        (mail(column("{{#if vip}}")), "unclosed_block", 5),
        (mail(column("<mj-text>\n{{nobody}}</mj-text>")), "unknown_variable", 6),
        (mail(column('<mj-text>\n\n<a href="javascript:x()">a</a></mj-text>')), "broken_link", 7),
        (mail(column('\n<mj-button href="http://localhost/">a</mj-button>')), "local_link", 6),
        (mail(column('\n<mj-image width="{{name}}" />')), "lost_tag", 6),
        (mail(column("<mj-text {{#if vip}}color='red'{{/if}}>x</mj-text>")), "lost_tag", 5),
        (mail(column("<mj-social>\n{{#if vip}}{{/if}}</mj-social>")), "mjml_place", 6),
        ("<mjml><mj-body>" + "<mj-section>" * 3000, "mjml_syntax", 1),
        (mail(column("<mj-text>" + "x" * 500_000 + "</mj-text>")), "too_large", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(source: str, code: str, line: int) -> None:
    assert (code, line) in findings(source)


def test_an_entity_bomb_is_only_words() -> None:
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + mail(column("<mj-text>&b;</mj-text>"))
    assert "aaaa" not in compile_mjml(bomb).html


@pytest.mark.parametrize(
    "source", ["<mj-text " + "{{a}}" * 5_000, "<mj-text " + "a='b' " * 5_000, "<" * 20_000]
)
def test_a_tag_that_is_never_closed_is_refused_at_once(source: str) -> None:
    assert findings(f"<mjml><mj-body>{source}")
    checked = check_template(Source("A good subject", "<style>p{color:red}</style>" + source), known=KNOWN)
    assert not checked.is_valid


def test_equal_sources_give_findings_of_their_own() -> None:
    source = mail(column("<mj-foo />"))
    compile_mjml(source).findings.clear()
    assert compile_mjml(source).findings


@pytest.mark.parametrize("blank", ["\t", "\r\n", " \t\r\n\t", "\r"])
def test_white_space_between_components_is_of_any_kind(blank: str) -> None:
    parts = [
        "<mjml>",
        "<mj-head>",
        "<mj-attributes>",
        "<mj-all color='red'/>",
        "</mj-attributes>",
        "</mj-head>",
    ]
    parts += [
        "<mj-body>",
        "<mj-section>",
        "<mj-column>",
        "<mj-text>Hello</mj-text>",
        "</mj-column>",
        "</mj-section>",
    ]
    compiled = compile_mjml(blank.join([*parts, "</mj-body>", "</mjml>", ""]))
    assert not compiled.findings
    assert "Hello" in compiled.html
