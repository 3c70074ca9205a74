import re

import pytest

from campaigns.rendering import Source, StoredTemplate, TemplateError, build_stored, check_template
from campaigns.rendering.sources import preheader_html

HTML = '<p>{{name}}</p><a href="{{unsubscribe_url}}">Leave</a>{{postal_address}}'
KNOWN = {"name", "unsubscribe_url", "postal_address"}


def stored(html: str = HTML, subject: str = "Hello {{name}}") -> StoredTemplate:
    return build_stored(check_template(Source(subject, html), known=KNOWN))


def test_stores_parts_in_the_dialect_of_ses() -> None:
    template = stored()
    assert template.subject == "Hello {{name}}"
    assert template.html == (
        '<p>{{html.name}}</p><a ses:no-track href="{{html.unsubscribe_url}}">Leave</a>{{html.postal_address}}'
    )
    assert "{{unsubscribe_url}}" in template.text
    assert template.variables.subject == {"name"}


def test_equal_content_has_an_equal_name_that_ses_accepts() -> None:
    assert stored().ses_name == stored().ses_name
    assert stored().ses_name != stored(HTML + " ").ses_name
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", stored().ses_name)


def test_what_blocks_cannot_be_published() -> None:
    with pytest.raises(TemplateError, match="unsubscribe"):
        stored("<p>{{name}}</p>{{postal_address}}")


def test_a_preheader_is_hidden_and_escaped() -> None:
    assert preheader_html(" ") == ""
    assert preheader_html("a <b>\n c").endswith(">a &lt;b&gt; c</div>")
