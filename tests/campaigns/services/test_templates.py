import pytest

from campaigns.models import Template
from campaigns.services import previews, publishing, template_gallery, templates
from mailplatform.accounts.models import AuditEntry
from tests.factories.campaigns import make_site, make_template, make_user

pytestmark = pytest.mark.django_db


def test_creates_with_a_slug_and_an_audit_entry() -> None:
    template = templates.create(actor=make_user(), name="  Spring   news ")
    assert (template.name, template.slug, template.revision) == ("Spring news", "spring-news", 1)
    assert AuditEntry.objects.filter(action="template.created", object_id=str(template.pk)).exists()


def test_names_are_unique_in_any_case_and_slugs_are_made_free() -> None:
    templates.create(actor=None, name="News")
    with pytest.raises(templates.TemplateNameTaken, match="already a template"):
        templates.create(actor=None, name="NEWS")
    assert templates.create(actor=None, name="News!").slug == "news-2"


def test_a_save_needs_the_revision_that_was_opened() -> None:
    template = make_template()
    first = templates.save_draft(template_id=template.pk, actor=None, revision=1, html="mine")
    assert first.revision == 2
    with pytest.raises(templates.StaleTemplate) as caught:
        templates.save_draft(template_id=template.pk, actor=None, revision=1, html="theirs")
    assert caught.value.current.html == "mine"
    assert Template.objects.get(pk=template.pk).html == "mine"


def test_a_save_whose_answer_was_lost_may_be_repeated() -> None:
    template = make_template()
    for _ in range(2):
        saved = templates.save_draft(
            template_id=template.pk, actor=None, revision=1, html="mine", name="Mine"
        )
        assert (saved.revision, saved.html) == (2, "mine")
    with pytest.raises(templates.StaleTemplate):
        templates.save_draft(template_id=template.pk, actor=None, revision=1, html="mine", name="Other")


def test_a_save_cannot_take_the_name_of_another() -> None:
    make_template(name="Taken")
    template = make_template()
    with pytest.raises(templates.TemplateNameTaken):
        templates.save_draft(template_id=template.pk, actor=None, revision=1, name="Taken")


@pytest.mark.parametrize("name", ["a b", "1st", "html", "x.y", ""])
def test_a_declared_variable_needs_a_name_that_handlebars_reads(name: str) -> None:
    with pytest.raises(templates.InvalidVariableName):
        make_template(defaults={name: "x"})


def test_a_text_part_is_generated_until_there_is_one() -> None:
    template = make_template()
    assert template.text_is_generated
    saved = templates.save_draft(template_id=template.pk, actor=None, revision=1, text="own")
    assert not saved.text_is_generated


def test_copies_get_free_names() -> None:
    template = make_template(name="News")
    assert templates.duplicate(template=template, actor=None).name == "News (copy)"
    assert templates.duplicate(template=template, actor=None).name == "News (copy) 2"


def test_an_old_version_becomes_the_draft_again_and_stays_as_it_was() -> None:
    make_site()
    template = make_template(subject="The first subject")
    first = publishing.publish(template=template, actor=None)
    changed = templates.save_draft(
        template_id=template.pk, actor=None, revision=1, subject="The second subject"
    )
    publishing.publish(template=changed, actor=None)
    restored = templates.restore_version(version=first, actor=None, revision=2)
    assert (restored.subject, restored.revision) == ("The first subject", 3)
    first.refresh_from_db()
    assert first.subject == "The first subject"


def test_archiving_is_reversible() -> None:
    template = make_template()
    assert templates.set_archived(template=template, actor=None, archived=True).archived_at is not None
    assert templates.set_archived(template=template, actor=None, archived=False).archived_at is None


def test_the_starters_are_made_once_and_can_be_published_as_they_are() -> None:
    make_site()
    starters = templates.ensure_starters()
    assert [t.slug for t in starters] == ["welcome-campaign", "product-promotion"]
    assert [t.pk for t in templates.ensure_starters()] == [t.pk for t in starters]
    for template in starters:
        checked = templates.check(template)
        assert checked.findings == [], template.slug
        assert publishing.publish(template=template, actor=None).number == 1


@pytest.mark.parametrize("slug", sorted(template_gallery.STARTERS))
def test_each_of_the_ten_starters_can_be_published_and_rendered(slug: str) -> None:
    assert len(template_gallery.STARTERS) == 10
    make_site()
    template = templates.create_from_starter(slug=slug, actor=None)
    checked = templates.check(template, subject="A subject that is fit")
    assert [f.message for f in checked.findings] == []
    assert publishing.publish(template=template, actor=None).number == 1
    shown = previews.preview(previews.draft_of(template_gallery.get(slug)), previews.sample_person())
    assert shown.rendered is not None
    assert "{{" not in shown.rendered.html + shown.rendered.text + shown.rendered.subject
    for item in template_gallery.SAMPLES.get(slug, {}).values():
        first = item[0] if isinstance(item, list) else item
        words = next(iter(first.values())) if isinstance(first, dict) else first
        assert words in shown.rendered.html
        assert words in shown.rendered.text


def test_a_starter_may_be_used_more_than_once_and_an_unknown_one_not_at_all() -> None:
    names = [templates.create_from_starter(slug="letter", actor=None).name for _ in range(2)]
    assert names == ["Letter", "Letter 2"]
    with pytest.raises(template_gallery.NoSuchStarter, match="no starter"):
        template_gallery.get("nothing")


def test_the_starters_keep_the_words_of_the_recipe() -> None:
    welcome, promotion = templates.ensure_starters()
    assert "WELCOME10" in welcome.html
    assert "WELCOME10" in welcome.text
    assert "{{discount}}% off our popular {{product_name}}" in promotion.html.replace("<strong>", "").replace(
        "</strong>", ""
    )
    for template in (welcome, promotion):
        for part in (template.html, template.text):
            assert "{{unsubscribe_url}}" in part
            assert "{{postal_address}}" in part
