"""Where the links of a run lead: in every language, for everybody alike or with one person's data, and nowhere else."""

import uuid

import pytest
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Batch, Campaign, Delivery, Run, TemplateVersion
from campaigns.own_links import key_of
from campaigns.selectors import own_links
from campaigns.services import publishing, runs, template_languages, templates
from mailplatform.accounts.models import Carrier
from mailplatform.core import clock
from subscribers.models import CustomField, PersonMerge, Subscriber
from tests.factories.campaigns import HTML, make_ready_campaign, make_site, make_subscriber, make_template

pytestmark = pytest.mark.django_db
TRAP = "https://mail.example.com/mp-trap/"
ODD_VALUES = (
    "evil.example",
    "//evil.example",
    "@evil.example/",
    "\\evil.example",
    "javascript:alert(1)",
    "..",
    "%0d%0a",
)
NEVER_MADE = (
    "{{html.name}}",
    "https://{{html.name}}/",
    "https://example.com{{html.name}}",
    "javascript:alert(1)",
    "https://example.com/{{html.unknown}}",
)
PERSONAL = "https://example.com/?q={{html.city}}&n={{html.name}}&s={{html.shop}}"


@pytest.fixture
def run() -> Run:
    CustomField.objects.create(key="city", label="City", default="your town")
    html = HTML + (
        '<a href="https://example.com/?q={{city}}&amp;n={{name}}&amp;s={{shop}}">Search</a>'
        '<a href="{{shop}}">Shop</a><a href="https://bücher.example/ä">Books</a>'
    )
    template = make_template(html=html, defaults={"shop": "https://shop.example/?a=1"})
    german = template_languages.add(template=template, language="de", actor=None)
    html = HTML.replace("/shop", "/laden") + '<a href="https://example.com/?n={{name}}">x</a>'
    templates.save_draft(template_id=german.pk, actor=None, revision=german.revision, html=html)
    return launched(make_ready_campaign(template=template, track_clicks=True))


def launched(campaign: Campaign, carrier: str = "own") -> Run:
    make_site(
        public_url="https://mail.example.com",
        tracking_carrier=carrier,
        ses_tracking_acknowledged_at=clock.now(),
    )
    return runs.launch(campaign=campaign, actor=None)


def leads(run_id: int, key: str, subscriber_id: int) -> str:
    links = own_links.links_of(run_id)
    assert links is not None
    return own_links.resolve(links, key, subscriber_id)


def test_all_languages_are_read_at_once(run: Run, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):
        links = own_links.links_of(run.pk)
    assert links is not None
    assert links.launched_at == run.launched_at
    assert {links.shared[key]: target for key, target in links.targets.items()} == {
        "https://example.com/shop": "https://example.com/shop",
        "https://example.com/laden": "https://example.com/laden",
        "https://shop.example/?a=1": "https://shop.example/?a=1",
        "https://bücher.example/ä": "https://xn--bcher-kva.example/%C3%A4",
        "https://example.com/?q=…&n=…&s=https://shop.example/?a=1": "",
        "https://example.com/?n=…": "",
        TRAP: TRAP,
    }


def test_a_run_whose_opens_and_clicks_amazon_counts_has_none(run: Run) -> None:
    launched_before = {name: value for name, value in run.frozen.items() if name != "carrier"}
    for frozen in (launched_before, {**run.frozen, "carrier": "ses"}):
        Run.objects.filter(pk=run.pk).update(frozen=frozen)
        assert own_links.links_of(run.pk) is None


def test_no_run_has_no_links() -> None:
    assert own_links.links_of(1) is None


def test_a_persons_own_values_are_put_in(run: Run) -> None:
    person = make_subscriber(name='Zoë "Z" & <b>\\{}', fields={"city": "Köln/Deutz?#1\r\nSet-Cookie: a"})
    found = leads(run.pk, key_of(PERSONAL), person.pk)
    assert found == (
        "https://example.com/?q=K%C3%B6ln/Deutz?#1%20%0ASet-Cookie:%20a&n=Zo%C3%AB%20%22Z%22%20&%20%3Cb%3E%5C%7B%7D"
        "&s=https://shop.example/?a=1"
    ).replace("%0A", "")
    assert leads(run.pk, key_of("{{html.shop}}"), person.pk) == "https://shop.example/?a=1"


def test_whoever_was_erased_and_whoever_has_nothing_gets_what_stands_in(run: Run) -> None:
    expected = "https://example.com/?q=your%20town&n=there&s=https://shop.example/?a=1"
    assert leads(run.pk, key_of(PERSONAL), 987_654_321) == expected
    assert leads(run.pk, key_of(PERSONAL), make_subscriber(name="").pk) == expected


def test_whoever_was_merged_gets_the_values_of_the_person_they_are_now(run: Run) -> None:
    person = make_subscriber(name="Ann")
    PersonMerge.objects.create(
        old_id=55_555,
        old_subject=uuid.uuid4(),
        old_email_key=b"k",
        survivor_id=person.pk,
        merged_at=clock.now(),
    )
    assert "n=Ann&" in leads(run.pk, key_of(PERSONAL), 55_555)


def test_a_person_is_one_query(run: Run, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    person, links = make_subscriber(name="Ann"), own_links.links_of(run.pk)
    assert links is not None
    with django_assert_num_queries(1):
        assert "n=Ann&" in own_links.resolve(links, key_of(PERSONAL), person.pk)


def test_nobodys_data_change_the_host(run: Run) -> None:
    for value in ODD_VALUES:
        person = make_subscriber(name=value, fields={"city": value, "shop": "https://evil.example/"})
        assert leads(run.pk, key_of(PERSONAL), person.pk).startswith("https://example.com/?q=")
        assert leads(run.pk, key_of("{{html.shop}}"), person.pk) == "https://shop.example/?a=1"


def test_a_target_that_publishing_never_makes_leads_nowhere(run: Run) -> None:
    targets = {key_of(target): target for target in NEVER_MADE}
    TemplateVersion.objects.filter(pk=run.template_version_id).update(links=targets)
    person = make_subscriber(name=".evil.example")
    links = own_links.links_of(run.pk)
    assert links is not None
    for key in targets:
        assert not links.targets.get(key)
        with pytest.raises(own_links.NoSuchLink):
            own_links.resolve(links, key, person.pk)


def test_an_unknown_key_and_an_address_without_end_lead_nowhere(run: Run) -> None:
    person = make_subscriber(fields={"city": "x" * 9_000})
    for key in (key_of("https://example.com/else"), "", "launched_at", key_of(PERSONAL)):
        with pytest.raises(own_links.NoSuchLink):
            leads(run.pk, key, person.pk)


def test_of_two_languages_with_one_link_that_of_the_persons_mail_is_read(run: Run) -> None:
    versions = run.frozen["versions"]
    target = "https://example.com/?q={{html.city}}"
    both = TemplateVersion.objects.filter(pk__in=versions.values())
    both.update(links={key_of(target): target}, variables={"subject": [], "html": ["city"], "text": []})
    both.filter(pk=versions["de"]).update(defaults={"city": "Berlin"})
    both.exclude(pk=versions["de"]).update(defaults={"city": "London"})
    runs_people = {"": "London", "de": "Berlin"}
    for number, (language, city) in enumerate(runs_people.items()):
        person = make_subscriber()
        batch = Batch.objects.create(
            run_id=run.pk,
            number=number,
            subscriber_ids=[person.pk],
            count=1,
            template_version_id=versions[language],
            sender_id=1,
            language=language,
        )
        Delivery.objects.create(
            run_id=run.pk, subscriber_id=person.pk, state="accepted", batch_id=batch.pk, at=clock.now()
        )
        assert leads(run.pk, key_of(target), person.pk) == f"https://example.com/?q={city}"


def test_what_is_stored_for_reports_names_no_person(run: Run) -> None:
    assert Subscriber.objects.exists()
    links = own_links.links_of(run.pk)
    assert links is not None
    assert links.shared[key_of(PERSONAL)] == "https://example.com/?q=…&n=…&s=https://shop.example/?a=1"


def test_a_campaign_published_while_amazon_counts_has_no_links() -> None:
    run = launched(make_ready_campaign(track_clicks=True), carrier=Carrier.SES)
    assert run.template_version.links == {}
    assert publishing.tracks_clicks(run.campaign)
    assert own_links.links_of(run.pk) is None
