import pytest

from campaigns.languages import InvalidLanguage
from campaigns.models import Campaign, Template
from campaigns.selectors import approvals
from campaigns.selectors import templates as selectors
from campaigns.services import preflight, previews, publishing, template_languages, templates
from subscribers.models import Subscriber
from tests.factories.campaigns import HTML, make_ready_campaign, make_site, make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Campaign:
    return make_ready_campaign(template=make_template(name="Newsletter"))


@pytest.fixture
def german(campaign: Campaign) -> Template:
    assert campaign.template
    made = template_languages.add(template=campaign.template, language="de", actor=None)
    html = HTML.replace("Hi", "Hallo")
    return templates.save_draft(
        template_id=made.pk, actor=None, revision=made.revision, subject="Neues für {{name}}", html=html
    )


def people(campaign: Campaign) -> list[Subscriber]:
    return list(
        Subscriber.objects.filter(subscriptions__mailing_list__in=campaign.lists.all()).order_by("pk")
    )


def test_a_language_begins_with_the_words_of_the_first_text(campaign: Campaign) -> None:
    first = campaign.template
    assert first
    made = template_languages.add(template=first, language="pt_BR", actor=None)
    assert (made.language, made.variant_of, made.html, made.subject) == (
        "pt-br",
        first,
        first.html,
        first.subject,
    )
    assert made.name == "Newsletter (Brazilian Portuguese)"
    assert [t.pk for t in selectors.family(made)] == [first.pk, made.pk]
    assert [t.name for t in selectors.list_templates()] == ["Newsletter"]


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_language_that_is_there_is_refused(german: Template, language: str) -> None:
    assert german.variant_of
    with pytest.raises(template_languages.LanguageTaken, match="already"):
        template_languages.add(template=german.variant_of, language=language, actor=None)
    with pytest.raises(template_languages.LanguageTaken, match="German"):
        template_languages.say(template=german, language="de", actor=None)
    with pytest.raises(InvalidLanguage):
        template_languages.add(template=german, language="no code", actor=None)


def test_one_that_was_put_away_comes_back_with_its_words(german: Template) -> None:
    templates.set_archived(template=german, actor=None, archived=True)
    again = template_languages.add(template=german, language="de", actor=None)
    assert (again.pk, again.archived_at, again.subject) == (german.pk, None, "Neues für {{name}}")


def test_a_launch_makes_a_version_of_each_language_under_its_own_subject(
    campaign: Campaign, german: Template
) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(subject="English only")
    campaign.refresh_from_db()
    before = approvals.content_fingerprint(campaign)
    made = publishing.versions_for_campaign(campaign=campaign, actor=None)
    assert {code: version.subject for code, version in made.items()} == {
        "": "English only",
        "de": "Neues für {{name}}",
    }
    templates.save_draft(template_id=german.pk, actor=None, revision=german.revision, subject="Anderes")
    assert approvals.content_fingerprint(campaign) != before
    templates.set_archived(template=german, actor=None, archived=True)
    assert list(publishing.versions_for_campaign(campaign=campaign, actor=None)) == [""]


def test_the_campaign_s_own_choice_wins(campaign: Campaign, german: Template) -> None:
    other = make_template(subject="Für diese Kampagne")
    campaign.translations.create(language="de", template=other)
    assert selectors.spoken_by(campaign)["de"].template == other != german


def test_preview_and_test_mail_are_in_the_language_of_whoever_is_chosen(
    campaign: Campaign, german: Template
) -> None:
    person = people(campaign)[0]
    person.language = "de_AT"
    shown = [
        previews.campaign_preview(campaign, who)
        for who in (previews.person_of(person), previews.sample_person())
    ]
    subjects = [each.rendered.subject for each in shown if each and each.rendered]
    assert subjects[0].startswith("Neues für")
    assert subjects[1].startswith("Hello")
    assert german.language == "de"


def test_who_reads_a_language_that_is_not_there_is_counted(campaign: Campaign) -> None:
    for person, language in zip(people(campaign), ("de", "de-at", "fr"), strict=True):
        Subscriber.objects.filter(pk=person.pk).update(language=language)
    words = [item.message for item in preflight.check(campaign).items if item.code == "no_language"]
    assert words == [
        "2 people read German; there is no text in German, so they get the one in English.",
        "One person reads French; there is no text in French, so they get the one in English.",
    ]


def test_nothing_is_said_of_languages_that_are_there(campaign: Campaign, german: Template) -> None:
    Subscriber.objects.filter(pk=people(campaign)[0].pk).update(language="de-ch")
    assert german.pk
    assert "no_language" not in {item.code for item in preflight.check(campaign).items}


def test_what_is_wrong_in_one_language_stops_the_launch(campaign: Campaign, german: Template) -> None:
    templates.save_draft(template_id=german.pk, actor=None, revision=german.revision, html="<p>{{oops}}</p>")
    found = {(item.code, item.message[:9]) for item in preflight.check(campaign).blocking}
    assert ("no_unsubscribe", "In German") in found


def test_a_copy_has_all_languages(german: Template) -> None:
    make_site()
    assert german.variant_of
    copy = templates.duplicate(template=german.variant_of, actor=make_user())
    assert [(t.language, t.subject) for t in selectors.variants(copy)] == [("de", german.subject)]
