"""The text that is sent says what `entries` says, whatever stands in a person's fields."""

import uuid
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import entries, tokens
from campaigns.entry_writer import EntryWriter
from campaigns.headers import make_header, make_tag
from campaigns.rendering import TemplateVariables
from tests.factories.campaigns import make_run, make_site

NAMES = [
    "email",
    "name",
    "first_name",
    "language",
    "city",
    "100%",
    "ärger",
    "tags[]",
    "items[].title",
    "shop.address",
]
LINKS = ["unsubscribe_url", "preferences_url", "view_url"]
OWN = ["mp_click", "mp_open"]
TEXT = st.text(max_size=20) | st.sampled_from(
    ["%s %(to)s", "\u2028\n", '"\\', "<b>&'", "Zoë 🙂", "@token@", "@data@"]
)
VALUES = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("title"), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(["city", "100%", "ärger", "tags", "items", "shop", "first_name", *OWN]), VALUES
)
EMAILS = st.sampled_from(
    [
        "ann@example.org",
        "o'neil+x@example.org",
        'a@"x"',
        "grün@example.org",
        "x@bücher.example",
        "no",
        "a&b@e.org",
    ]
)


def context(
    names: list[str],
    *,
    url: str = "https://mail.example.com",
    attachments: tuple[dict[str, str], ...] = (),
    own: list[str] | None = None,
    **constants: Any,
) -> entries.RunContext:
    """A context without a database."""
    return entries.RunContext(
        run_id=7,
        template_name="mp-1",
        from_address="News <news@example.com>",
        reply_to=("reply@example.com",),
        public_url=url,
        builder=entries.make_builder(
            TemplateVariables(
                frozenset(names[::2]), frozenset([*names[1:], *(own or ())]), frozenset(names[:3])
            ),
            campaign_variables={**constants, "mp_click": "https://evil.example/"},
            defaults={"city": "50% of <towns>", "mp_open": "https://evil.example/"},
            company='Müller & "Sons"',
            postal_address="1 High Street\n10115 Berlin",
        ),
        tags=(make_tag("mp-epoch", "e"), make_tag("mp-run", "7")),
        default_tags=(make_tag("mp-campaign", "c"),),
        list_id=make_header("List-Id", '"100% Ltd" <c1.mail.example.com>'),
        attachments=attachments,
    )


def compare(
    shared: entries.RunContext, person: entries.Person, *, opens: bool = False, clicks: bool = False
) -> None:
    """Both say the same, or both refuse for the same reason."""
    writer = EntryWriter(shared)
    given_ = (person.subscriber_id, person.email, person.name, person.language, person.fields)
    try:
        expected = entries.build_entry(shared, person, opens=opens, clicks=clicks)
    except entries.UnmailableEntry as error:
        reason = error.reason
    else:
        reason = ""
    if reason:
        with pytest.raises(entries.UnmailableEntry) as caught:
            writer.write(*given_, opens=opens, clicks=clicks)
        assert caught.value.reason == reason
        return
    body = writer.request("mp-none", [writer.write(*given_, opens=opens, clicks=clicks)] * 2)
    assert orjson.loads(body) == entries.request(shared, "mp-none", [expected] * 2)


@st.composite
def contexts(draw: st.DrawFn) -> entries.RunContext:
    """Templates that read different names, at addresses of different kinds."""
    names = draw(
        st.lists(st.sampled_from([*NAMES, *LINKS, "company", "discount", "view_url.host"]), unique=True)
    )
    url = draw(st.sampled_from(["https://mail.example.com", "https://mail.example.com/a&b'%s"]))
    attachments = draw(st.sampled_from([(), ({"FileName": 'a "b".pdf', "RawContent": "JVBERi0="},)]))
    own = draw(st.lists(st.sampled_from(OWN), unique=True))
    return context(names, url=url, attachments=attachments, own=own, discount=draw(VALUES))


@st.composite
def people(draw: st.DrawFn) -> entries.Person:
    """People with anything in their fields."""
    language = draw(st.sampled_from(["", "en", "<de>"]))
    return entries.Person(41, uuid.uuid4(), draw(EMAILS), draw(TEXT), language, draw(FIELDS))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shared=contexts(), person=people(), opens=st.booleans(), clicks=st.booleans())
def test_the_text_says_what_the_entry_says(
    shared: entries.RunContext, person: entries.Person, *, opens: bool, clicks: bool
) -> None:
    compare(shared, person, opens=opens, clicks=clicks)


@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("clicks", [False, True])
def test_what_carries_our_tracking_is_filled_for_whom_may_be_counted_and_by_nobody_else(
    *, opens: bool, clicks: bool
) -> None:
    shared = context(["name"], own=OWN)
    fields = dict.fromkeys(OWN, "https://evil.example/")
    entry = orjson.loads(
        EntryWriter(shared).write(41, "a@example.org", "Ann", "en", fields, opens=opens, clicks=clicks)
    )
    data = orjson.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
    token = tokens.make_tracking_token(7, 41)
    assert data["html"]["mp_open"] == (f"https://mail.example.com/o/{token}.gif" if opens else "")
    assert data["html"]["mp_click"] == (f"https://mail.example.com/l/{token}/" if clicks else "")
    assert data.keys().isdisjoint(OWN)


@pytest.mark.parametrize("length", [200_000, 262_100, 300_000])
def test_the_limit_counts_our_tracking_as_well(length: int) -> None:
    person = entries.Person(41, uuid.uuid4(), "a@example.org", fields={"city": '"' * (length // 2)})
    compare(context(["city"], own=OWN), person, opens=True, clicks=True)


def test_without_room_for_it_nothing_is_added() -> None:
    shared = context(["name", *LINKS])
    writer = EntryWriter(shared)
    counted = writer.write(41, "a@example.org", "Ann", "en", {}, opens=True, clicks=True)
    assert counted == writer.write(41, "a@example.org", "Ann", "en", {})


def test_without_fields_of_ones_own_none_need_be_read() -> None:
    assert not EntryWriter(context(["name", "email", "language", *LINKS])).needs_fields
    for name in ("city", "first_name"):
        assert EntryWriter(context(["name", name])).needs_fields


@pytest.mark.parametrize("length", [200_000, 261_000, 262_144, 300_000])
def test_the_limit_is_that_of_the_data_not_of_its_encoding(length: int) -> None:
    compare(
        context(["city"]),
        entries.Person(41, uuid.uuid4(), "a@example.org", fields={"city": '"' * (length // 2)}),
    )
    compare(
        context(["city"]), entries.Person(41, uuid.uuid4(), "a@example.org", fields={"city": "x" * length})
    )


@pytest.mark.django_db
def test_a_real_run_is_written_alike() -> None:
    make_site()
    shared = entries.RunContext.load(make_run())
    compare(shared, entries.Person(41, uuid.uuid4(), "Ann@example.org", "Ann <Lee>", "en", {}))
