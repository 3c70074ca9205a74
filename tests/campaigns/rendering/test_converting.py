import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering import Part, parse_part
from campaigns.rendering.converting import convert, has_foreign_tags


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        ("Hi *|FNAME|*", "Hi {{first_name}}"),
        ('<a href="*|UNSUB|*">x</a> *|LIST:ADDRESS|*', '<a href="{{unsubscribe_url}}">x</a> {{postal_address}}'),
        ("*|IF:VIP|*a*|ELSE:|*b*|END:IF|*", "{{#if vip}}a{{else}}b{{/if}}"),
        ("*|IFNOT:VIP|*a*|END:IF|*", "{{#unless vip}}a{{/unless}}"),
        ("{{ .Subscriber.FirstName }} {{ .Subscriber.Attribs.city }}", "{{first_name}} {{city}}"),
        ('<a href="{{ UnsubscribeURL }}">', '<a href="{{unsubscribe_url}}">'),
        ('<a href="{{ TrackLink "https://x.example/a" . }}">', '<a href="https://x.example/a">'),
        ('<a href="https://x.example/a@TrackLink">', '<a href="https://x.example/a">'),
        ("{{ TrackView }}", ""),
        ("{{ if .Subscriber.Attribs.vip }}a{{ else }}b{{ end }}", "{{#if vip}}a{{ else }}b{{/if}}"),
        ("{{ range .Subscriber.Attribs.items }}{{ .a }}{{ . }}{{ end }}", "{{#each items}}{{a}}{{this}}{{/each}}"),
        ("{{ customer.first_name }}", "{{first_name}}"),
        ("{% if vip %}a{% else %}b{% endif %}", "{{#if vip}}a{{else}}b{{/if}}"),
        ("{% for i in items %}{{ i.title }}{% endfor %}", "{{#each items}}{{title}}{{/each}}"),
        ("<unsubscribe style='x'>Go</unsubscribe>", "<a href=\"{{unsubscribe_url}}\" style='x'>Go</a>"),
        ("[firstname,fallback=x][if:vip]a[else]b[endif]", "{{first_name}}{{#if vip}}a{{else}}b{{/if}}"),
    ],
)  # fmt: skip
def test_what_has_a_clear_meaning_is_converted(foreign: str, ours: str) -> None:
    assert has_foreign_tags(foreign) or "customer" in foreign or "@TrackLink" in foreign
    result = convert(foreign)
    assert (result.source, result.unknown) == (ours, [])
    assert convert(ours).source == ours


@pytest.mark.parametrize(
    ("foreign", "defaults"),
    [
        ("{{ customer.first_name | default: 'there' }}", {"first_name": "there"}),
        ("[Name,fallback=dear reader]", {"name": "dear reader"}),
        ("[City,fallback=]", {}),
    ],
)
def test_stand_ins_become_defaults(foreign: str, defaults: dict[str, str]) -> None:
    assert convert(foreign).defaults == defaults


@pytest.mark.parametrize(
    "foreign",
    [
        "*|IF:SIZE > 3|*a*|END:IF|*",
        '{{ if eq .Subscriber.Attribs.a "b" }}x{{ end }}',
        "{% if a == 'b' %}x{% endif %}",
        "{% assign x = 1 %}",
        '{{ L.T "x" }}',
        "{{ .Campaign.Subject }}",
        "{{ price | money }}",
    ],
)
def test_what_has_none_stays_as_it_was_and_is_named(foreign: str) -> None:
    result = convert("first\n" + foreign)
    assert result.source == "first\n" + foreign
    assert {line for _, line in result.unknown} == {2}


@pytest.mark.parametrize(
    "source", ["{{name}} {{#if a}}b{{else}}c{{/if}} {{{d}}} {{../e}} {{@root.f}}", "[if mso]>", "a | b"]
)
def test_our_own_tags_are_left_alone(source: str) -> None:
    assert convert(source).source == source
    assert not has_foreign_tags(source)


@given(
    st.lists(
        st.sampled_from(["{% if a %}", "{% endif %}", "*|IF:A|*", "*|END:IF|*", "*|ELSE:|*", "x"]), max_size=8
    )
)
def test_converting_never_raises_and_a_second_time_changes_nothing(pieces: list[str]) -> None:
    once = convert("".join(pieces)).source
    assert convert(once).source == once
    parse_part(once, Part.HTML)
