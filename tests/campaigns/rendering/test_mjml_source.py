"""The part of the visual editor that reads and writes sources, run under Node as the browser runs it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mailplatform.sandbox import handlebars

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "mailplatform/assets/js/mjml-source.js"
SOURCES = sorted((ROOT / "tests/fixtures/templates").glob("*.mjml")) + sorted(
    (ROOT / "templates/email/starters").glob("*.mjml")
)
# What the canvas would hold: each component as plain data, as `describe` in visual.js gives it.
PROGRAM = """
import { read, write, markup, clean } from %s;
const tree = (node) => ({ n: node.n, name: node.name, attributes: node.locked ? {} : { ...node.attributes },
  content: node.locked ? null : node.content, children: node.children.map(tree) });
const find = (item, n) => item.n === n ? item : item.children.map((child) => find(child, n)).find(Boolean);
let input = ""; for await (const chunk of process.stdin) input += chunk;
const answers = JSON.parse(input).map(({ source, change }) => {
  try {
    const document = read(source);
    const now = tree(document.body);
    if (change) new Function("tree", "find", change)(now, (n) => find(now, n));
    return { source: write(document, tree(document.body), now), markup: markup(document) };
  } catch (error) { return { error: error.message }; }
});
console.log(JSON.stringify(answers));
"""


def run(*jobs: dict[str, str]) -> list[dict[str, Any]]:
    program = PROGRAM % json.dumps(MODULE.as_uri())
    done = subprocess.run(
        [handlebars.find_node(), "--input-type=module", "-e", program],
        input=json.dumps(jobs), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_every_source_is_written_as_it_was_read() -> None:
    assert SOURCES
    sources = [path.read_bytes().decode() for path in SOURCES]
    for path, source, answer in zip(SOURCES, sources, run(*({"source": s} for s in sources)), strict=True):
        assert answer.get("source") == source, (path.name, answer.get("error"))


SOURCE = """<mjml>
  <mj-body>
    <mj-section padding='4px'>
      <mj-column>
        <mj-text  color="red">One<br>{{name}}</mj-text>
        {{#if vip}}
        <mj-table><tr>{{#each rows}}<td>{{this}}</td>{{/each}}</tr></mj-table>
        {{/if}}
        <mj-image src="{{url}}?a=1&b=2" />
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ("find(3).attributes.color = 'blue'", '<mj-text  color="red">', '<mj-text  color="blue">'),
        ("find(3).attributes.align = 'center'", 'color="red">One', 'color="red" align="center">One'),
        ("delete find(3).attributes.color", '<mj-text  color="red">', "<mj-text>"),
        ("find(3).content = 'Two \\u00a0&amp; {{#if a&gt;b}}'", "One<br>{{name}}", "Two &nbsp;&amp; {{#if a>b}}"),
        (r"find(7).attributes.alt = '<\x22so\x22>'", 'b=2" />', 'b=2" alt="&lt;&quot;so&quot;&gt;" />'),
        ("find(1).attributes.padding = '8px'", "padding='4px'", 'padding="8px"'),
        ("find(2).children.splice(0, 1)", '\n        <mj-text  color="red">One<br>{{name}}</mj-text>', ""),
    ],
)  # fmt: skip
def test_only_what_was_changed_is_written_anew(change: str, old: str, new: str) -> None:
    answer = run({"source": SOURCE, "change": change})[0]
    assert answer["source"] == SOURCE.replace(old, new)


def test_a_new_component_is_indented_and_a_moved_one_keeps_its_bytes() -> None:
    new = "{ n: null, name: 'mj-text', attributes: { color: 'red' }, content: 'New', children: [] }"
    add = f"find(2).children.unshift({new});"
    move = "const all = find(2).children; all.push(all.shift());"
    added, moved = run({"source": SOURCE, "change": add}, {"source": SOURCE, "change": move})
    first = '<mj-column>\n        <mj-text color="red">New</mj-text>\n        <mj-text  color="red">One'
    assert first in added["source"]
    text = '\n        <mj-text  color="red">One<br>{{name}}</mj-text>'
    image = '\n        <mj-image src="{{url}}?a=1&b=2" />'
    assert moved["source"] == SOURCE.replace(text, "").replace(image, image + text)


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ("<p>One<p>Two", "</p>"),
        ("<P>One</p><br><img src='a>b'>Two", ""),
        ("<ul><li>One<li>Two</ul><p>Three<ul><li>Four", "</li></ul>"),
        ("<b>{{name}}</b></i>", ""),
        ("<div><p>One</div><em>Two", "</em>"),
    ],
)
def test_what_an_author_left_open_takes_in_nothing_of_what_follows(words: str, ends: str) -> None:
    column = f"<mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section>"
    source = f"<mjml><mj-body>{column}</mj-body></mjml>"
    answer = run({"source": source})[0]
    assert answer["source"] == source
    assert f">{words}{ends}</mj-text></mj-column>" in answer["markup"]


def test_what_the_canvas_would_rewrite_is_only_a_label_there() -> None:
    markup = run({"source": SOURCE})[0]["markup"]
    assert "<table" not in markup
    assert "<td" not in markup
    assert markup.count("data-locked") == 3
    assert ">{{#if vip}}</mj-text>" in markup


@pytest.mark.parametrize(
    "source",
    ["<mjml></mjml>", "<mjml><mj-body>", "<mjml><mj-body>words</mj-body>", "<mjml><mj-body><mj-text>"],
)
def test_what_cannot_be_read_is_refused_in_words(source: str) -> None:
    assert run({"source": source})[0]["error"]
