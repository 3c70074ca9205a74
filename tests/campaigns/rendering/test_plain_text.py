import pytest

from campaigns.rendering.plain_text import protect, restore, text_from_html


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("<p>Hi {{name}}</p>", "Hi {{name}}\n"),
        ('<a href="https://x.example">Shop</a>', "Shop: https://x.example\n"),
        ('<a href="{{url}}">Shop</a>', "Shop: {{url}}\n"),
        ('<a href="{{url}}">{{url}}</a>', "{{url}}\n"),
        ('<a href="#top">Top</a>', "Top\n"),
        ("<style>p{color:red}</style><p>A</p><script>x()</script>", "A\n"),
        ("<head><title>T</title></head><body>B</body>", "B\n"),
        ('<div data-preheader style="display:none">hidden</div><p>A</p>', "A\n"),
    ],
)
def test_text_from_html(source: str, text: str) -> None:
    assert text_from_html(source) == text


def test_block_tags_stay_between_the_rows_of_a_table() -> None:
    source = (
        "<table>{{#each items}}<tr><td>{{title}}</td></tr>{{else}}<tr><td>none</td></tr>{{/each}}</table>"
    )
    text = text_from_html(source)
    order = [text.index(tag) for tag in ("{{#each items}}", "{{title}}", "{{else}}", "none", "{{/each}}")]
    assert order == sorted(order)


def test_marks_come_back_exactly() -> None:
    source = "a {{b}} {{{c}}} {{!-- {{d}} --}} \ue0007\ue001"
    marked, tags = protect(source)
    assert "{{" not in marked
    assert restore(marked, tags) == "a {{b}} {{{c}}} {{!-- {{d}} --}} 7"


def test_links_beside_each_other_do_not_become_one() -> None:
    links = '<a href="https://a.example/x">Docs</a><a href="https://b.example/">Blog</a>{{name}}, <b>so</b>.'
    assert text_from_html(links) == "Docs: https://a.example/x Blog: https://b.example/ {{name}}, so.\n"


def test_what_is_hidden_stays_hidden() -> None:
    assert text_from_html('<p>a <span style="display:none">b</span> <b>c</b></p>') == "a c\n"


def test_conditions_inside_comments_hold_for_the_text_as_well() -> None:
    vip = "<!-- {{#if vip}} --><p>Only you</p><!-- {{/if}} -->"
    each = "<!--[if mso]>{{#each items}}<b>{{x}}</b><![endif]--><p>{{title}}</p>{{/each}}"
    words = "{{#if vip}} Only you {{/if}}{{#each items}} {{title}} {{/each}}"
    assert text_from_html(vip + each).split() == words.split()
