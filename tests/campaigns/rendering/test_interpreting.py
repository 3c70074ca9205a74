"""Our interpreter beside handlebars.js, of which it must not differ by a single space."""

import asyncio
from random import Random
from typing import Any

import pytest

from campaigns.rendering import DataBuilder, Part, parse_part
from campaigns.rendering.compiling import compile_part, serialize, unchanged
from campaigns.rendering.interpreting import MissingValueError, run
from campaigns.rendering.nodes import Node
from campaigns.rendering.variables import TemplateVariables, find_variables
from mailplatform.sandbox.handlebars import Engine


def tree(source: str) -> list[Node]:
    return compile_part(parse_part(source, Part.TEXT), Part.TEXT)


def rendered(source: str, data: dict[str, Any]) -> str:
    return run(tree(source), unchanged, data)


def by_handlebars(jobs: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """What handlebars.js makes of each template, as it would be stored."""

    async def ask() -> list[str]:
        engine = Engine()
        try:
            answers = [
                (
                    await engine.render(
                        {"text": serialize(tree(source)), "subject": None, "html": None}, [data]
                    )
                )[0]
                for source, data in jobs
            ]
        finally:
            await engine.stop()
        return [answer["parts"]["text"] if "parts" in answer else f"! {answer}" for answer in answers]

    return asyncio.run(ask())


DATA: dict[str, Any] = {
    "name": "<Ann> {{name}}", "word": "w", "empty": "", "no": False, "zero": 0, "yes": True, "none": None,
    "list": ["a", "b", 3], "nothing": [], "person": {"first": "Ann", "tags": ["x", "y"]},
    "rows": [{"title": "One", "tags": ["p"]}, {"title": "Two", "tags": []}],
    "numbers": [1.5, 0.1, 1e21, 1.25e-7, -0.0, 12345678.9, 100.0, [1, [2, None]]],
}  # fmt: skip
SOURCES = [
    "{{name}} {{yes}} {{no}} {{zero}} {{none}}| {{list}} {{person}} {{rows}}",
    "{{#each numbers}}{{this}};{{/each}}",
    "{{#if zero}}z{{else}}not{{/if}} {{#unless nothing}}n{{/unless}} {{#with zero}}{{this}}{{/with}}",
    "{{#if person}}p{{/if}}",
    "{{#with empty}}x{{else}}none of {{name}}{{/with}}{{#with person}}{{first}} {{../name}}{{/with}}",
    "{{#each person}}{{@key}}={{this}},{{@index}}{{@first}}{{@last}} {{/each}}",
    "{{#each rows}}{{title}}{{#each tags}}{{this}}{{../title}}{{@root.name}}{{@index}}{{else}}none{{/each}} {{/each}}",
    "{{#each rows}}{{#with this}}{{title}}{{../name}}{{#each tags}}{{this}}{{../title}}{{/each}}{{/with}}{{/each}}",
    "{{#each rows}}{{@index}}{{#each tags}}{{this}}{{/each}}{{@index}}{{#with title}}{{@index}}{{/with}}{{/each}}",
    "A\n  {{#each list}}  \n  - {{this}}\n  {{/each}}\nB\n",
    "{{#if yes}}\nA\n{{else}}\nB\n{{/if}}\nC",
    "{{#if no}}\r\nA\r\n{{else}}\r\nB\r\n{{/if}}\r\nC",
    "  {{~#if yes~}}  A  {{~else~}} B {{~/if~}}  C",
    "{{#each rows}}\n{{#if tags}}\n  {{title}}\n{{/if}}\n{{/each}}",
    "a\n{{! gone }}\nb {{!-- and {{this}} --}} c",
    '{{#* inline "row"}}\n<b>{{this}}</b>\n{{/inline}}\n{{#each list}}\n{{> row}}\n{{/each}}\n',
    "{{#if yes}}{{/if}}\n\n{{#each nothing}}\n{{/each}}\n  x  {{~name~}}  y",
]


def test_every_form_is_written_as_handlebars_writes_it() -> None:
    jobs = [(source, DATA) for source in SOURCES]
    assert [rendered(*job) for job in jobs] == by_handlebars(jobs)


PIECES = (
    "x",
    " ",
    "  ",
    "\n",
    "\n\n",
    " \n ",
    "\r\n",
    "{{%sname}}",
    "{{~%sname}}",
    "{{%sname~}}",
    "{{%sword}}",
)
BLOCKS = (
    "if %syes",
    "if %sno",
    "unless %sno",
    "each %slist",
    "each %snothing",
    "with %sperson",
    "with %sempty",
)


def template(draw: Random, depth: int = 2, root: str = "") -> str:
    """A template whose blocks and white space meet by chance; `root` goes before each name inside of a context."""
    parts = []
    for _ in range(draw.randint(1, 4)):
        parts.append(draw.choice(PIECES).replace("%s", root))
        if depth and draw.random() < 0.5:
            block = draw.choice(BLOCKS)
            helper = block.split()[0]
            inner = "@root." if helper in {"each", "with"} else root
            tags = [
                tag.join(draw.choice(("", "", "", "~")) for _ in "12")
                for tag in (f"#{block % root}", "else", f"/{helper}")
            ]
            parts += [f"{{{{{tags[0]}}}}}", template(draw, depth - 1, inner)]
            if draw.random() < 0.5:
                parts += [f"{{{{{tags[1]}}}}}", template(draw, depth - 1, root)]
            parts.append(f"{{{{{tags[2]}}}}}")
    return "".join(parts)


def test_white_space_around_tags_is_kept_and_lost_as_in_handlebars() -> None:
    draw = Random(7)
    jobs = [(template(draw), DATA) for _ in range(250)]
    pairs = zip(jobs, by_handlebars(jobs), strict=True)
    different = [(source, theirs) for (source, data), theirs in pairs if rendered(source, data) != theirs]
    assert min(different, key=lambda pair: len(pair[0]), default=None) is None


@pytest.mark.parametrize("source", ["{{who}}", "{{#if who}}x{{/if}}", "{{person.last}}", "{{name.first}}"])
def test_what_the_data_lack_is_an_error(source: str) -> None:
    with pytest.raises(MissingValueError):
        rendered(source, DATA)


def test_complete_data_lack_nothing() -> None:
    nodes = tree("{{a}}{{#each b}}{{c}}{{#with d}}{{e}}{{/with}}{{/each}}{{#if f.g}}{{f.g}}{{/if}}")
    names = TemplateVariables(frozenset(), frozenset(), find_variables(nodes))
    assert run(nodes, unchanged, DataBuilder(names).as_dict({"b": [{}, {"d": {}}]})) == ""
