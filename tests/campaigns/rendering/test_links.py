import pytest

from campaigns.rendering.links import is_local, mark_untracked, read_document


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        ('<a href="{{html.unsubscribe_url}}">x</a>', '<a ses:no-track href="{{html.unsubscribe_url}}">x</a>'),
        (
            "<a class=x href='{{ html.preferences_url }}'>x</a>",
            "<a ses:no-track class=x href='{{ html.preferences_url }}'>x</a>",
        ),
        ('<A title="a>b" HREF="{{view_url}}">x</A>', '<a ses:no-track title="a>b" HREF="{{view_url}}">x</A>'),
        ('<a href="https://example.com">x</a>', '<a href="https://example.com">x</a>'),
        ('<a ses:no-track href="{{view_url}}">', '<a ses:no-track href="{{view_url}}">'),
        ('<abbr href="{{view_url}}">', '<abbr href="{{view_url}}">'),
    ],
)
def test_links_that_must_never_be_rewritten_are_marked(source: str, marked: str) -> None:
    assert mark_untracked(source) == marked


@pytest.mark.parametrize(
    ("href", "local"),
    [
        ("https://example.com", False),
        ("https://8.8.8.8/", False),
        ("http://localhost/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]/", True),
        ("http://10.0.0.1/", True),
        ("https://printer.local", True),
        ("https://notlocalhost.com", False),
        ("mailto:a@example.com", False),
    ],
)
def test_is_local(href: str, local: bool) -> None:
    assert is_local(href) is local


def test_reads_links_and_images_through_handlebars() -> None:
    source = (
        '<table>{{#each l}}\n<tr><td><a href="{{url}}">{{name}}</a><img src="x"></td></tr>{{/each}}</table>'
    )
    document = read_document(source)
    assert [(link.href, link.text, link.line) for link in document.links] == [("{{url}}", "{{name}}", 2)]
    assert document.images[0].alt is None


def test_what_follows_the_end_of_the_document_is_read_too() -> None:
    links = read_document('<html><body><p>x</p></body></html>\n<a href="http://localhost">x</a>').links
    assert [link.href for link in links] == ["http://localhost"]


def test_an_empty_document_has_nothing() -> None:
    assert read_document("").links == []
