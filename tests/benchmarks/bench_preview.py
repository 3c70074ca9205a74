"""What one look at a draft costs while somebody writes: check, compile, plain text and rendering, as CPU time.

Ends with a JSON line: html_kb and html_ms of own HTML, mjml_kb (of the HTML that comes of it) and mjml_ms: medians of
drafts that nobody checked before; again_ms: the same draft as somebody else. The goal is 100 ms for 50 KB.
"""

import json
import statistics
import sys
import time

from campaigns.rendering import DataBuilder, Source, SourceKind, check_template, render
from campaigns.rendering.sources import compile_source

KB = 50_000
LOOKS = 9
PERSON = {"name": "Ann", "unsubscribe_url": "https://example.com/u", "postal_address": "1 Road"}
_STYLE = (
    "<style>.h{color:red}.p{margin:0;padding:4px}.b{background:#eee}td{font-family:Arial}"
    "@media (max-width:600px){.h{font-size:12px !important}}</style>"
)
_ROW = (
    '<tr><td class="p b"><a class="h" href="https://example.com/a/%d">Hello {{name}}</a> '
    '{{#if vip}}<b>VIP</b>{{/if}}<img src="https://example.com/%d.png" alt="x" width="100"></td></tr>\n'
)
_SECTION = (
    "<mj-section><mj-column><mj-text>Hello {{name}}, number %d</mj-text>{{#if vip}}<mj-text>VIP</mj-text>{{/if}}"
    '<mj-button href="https://example.com/%d">See it</mj-button></mj-column></mj-section>\n'
)
_FOOT = '<p>{{postal_address}} <a href="{{unsubscribe_url}}">Unsubscribe</a></p>'


def own_html() -> str:
    """A page of rows with rules of its own, as shops write them."""
    rows = "".join(_ROW % (number, number) for number in range(KB // len(_ROW)))
    return f"<html><head>{_STYLE}</head><body><table>{rows}</table>{_FOOT}</body></html>"


def mjml() -> str:
    """Sections of MJML, of which about as much HTML comes."""
    sections = "".join(_SECTION % (number, number) for number in range(KB // 2_400))
    foot = f"<mj-section><mj-column><mj-text>{_FOOT}</mj-text></mj-column></mj-section>"
    return f"<mjml><mj-body>{sections}{foot}</mj-body></mjml>"


def look(source: Source, name: str) -> float:
    """Seconds of CPU for one look."""
    begun = time.process_time()
    checked = check_template(source, known={*PERSON, "vip"})
    rendered = render(checked, DataBuilder(checked.variables).as_dict({**PERSON, "name": name}))
    spent = time.process_time() - begun
    assert checked.is_valid, checked.findings
    assert name in rendered.html
    assert name in rendered.text
    return spent


def median_ms(html: str, kind: SourceKind) -> float:
    """The median of several drafts, of which each differs a little from the last."""
    drafts = [Source("A good subject", f"{html}<!-- {number} -->", kind=kind) for number in range(LOOKS + 1)]
    return round(statistics.median([look(draft, "Ann") for draft in drafts][1:]) * 1000, 1)


def main() -> None:
    """Measure and say so."""
    html, design = own_html(), mjml()
    figures = {
        "html_kb": len(html) // 1000,
        "html_ms": median_ms(html, SourceKind.HTML),
        "mjml_kb": len(compile_source(Source("", design, kind=SourceKind.MJML)).html) // 1000,
        "mjml_ms": median_ms(design, SourceKind.MJML),
    }
    last = Source("A good subject", f"{html}<!-- {LOOKS} -->", kind=SourceKind.HTML)
    look(last, "Ann")
    figures["again_ms"] = round(look(last, "Zoe") * 1000, 1)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
