"""Reading takes time in proportion to a source's length, also where nothing in it is ever closed.

Nothing is timed: with work that grows with the square of the length, these sources would take minutes.
"""

import pytest

from campaigns.rendering import lexer, mjml_tokens, plain_text, quoting
from campaigns.rendering.inlining import inline_css

LONG = 60_000
OPENINGS = (
    "{{!--", "{{!-- }}", "{{!", "{{{", "<!--", "<?x", "<style>", "<head>", "<div", "<a {{!--", "<a href={{!--",
    "</style", "<div data-preheader>",
)  # fmt: skip
SOURCES = {opening: opening * (LONG // len(opening)) for opening in OPENINGS} | {
    "a name": "<" + "a" * LONG,
    "spaces in a tag": "{{" + " " * LONG,
    "spaces between attributes": "<mj-x" + " " * LONG + ">",
    "attributes without values": "<mj-x " + "x" * LONG + ">",
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_never_closed_costs_one_pass(name: str) -> None:
    source = SOURCES[name]
    assert "".join(token.raw for token in mjml_tokens.scan(source)) == source
    assert quoting.quote_values(source) == source
    assert list(quoting.loose_values(source)) == []
    assert plain_text.restore(*plain_text.protect(source)) == source
    assert all(token.kind != "tag" for token in lexer.tokenize(source))


def test_styles_are_written_into_a_source_with_many_open_comments() -> None:
    many = "{{!-- <!--" * (LONG // 10)
    assert inline_css(f"<p>x</p>{many}", "p{color:red}") == f'<p style="color: red;">x</p>{many}'


def test_an_open_comment_reaches_to_the_end_as_in_a_browser() -> None:
    kinds = [token.kind for token in mjml_tokens.scan("<p><!--> <b><!-- x --!> <i><!-- <u>")]
    assert kinds == ["start", "comment", "text", "start", "comment", "text", "start", "text"]
