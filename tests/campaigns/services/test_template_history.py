import datetime as dt

import pytest

from campaigns.models import Template, TemplateDraft
from campaigns.services import template_history, templates
from mailplatform.accounts.models import User
from mailplatform.core import clock
from tests.factories.campaigns import make_template, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def author() -> User:
    return make_user()


@pytest.fixture
def template(author: User) -> Template:
    template = make_template(subject="One")
    template.updated_by = author
    template.save()
    return template


def save(template: Template, author: User, subject: str, *, minutes_ago: float = 0) -> Template:
    """Save a draft, as so many minutes ago."""
    revision = Template.objects.values_list("revision", flat=True).get(pk=template.pk)
    saved = templates.save_draft(template_id=template.pk, actor=author, revision=revision, subject=subject)
    at = clock.now() - dt.timedelta(minutes=minutes_ago)
    Template.objects.filter(pk=template.pk).update(updated_at=at)
    return saved


def subjects(template: Template) -> list[str]:
    return [draft.source["subject"] for draft in template.drafts.order_by("revision")]


def test_while_somebody_writes_one_of_many_saves_is_kept(template: Template, author: User) -> None:
    for word in ("Two", "Three", "Four"):
        save(template, author, word)
    assert subjects(template) == ["One"]


def test_after_a_pause_what_was_left_is_kept(template: Template, author: User) -> None:
    save(template, author, "Two")
    save(template, author, "Three", minutes_ago=6)
    save(template, author, "Four")
    assert subjects(template) == ["One", "Three"]


def test_what_somebody_else_wrote_is_kept_at_once(template: Template, author: User) -> None:
    save(template, author, "Two")
    save(template, make_user(), "Theirs")
    assert subjects(template) == ["One", "Two"]


def test_a_save_that_changes_nothing_keeps_nothing(template: Template, author: User) -> None:
    save(template, author, "One")
    assert subjects(template) == []


def test_a_draft_is_restored_and_what_it_replaced_can_be_brought_back(
    template: Template, author: User
) -> None:
    saved = save(template, author, "Two")
    draft = template.drafts.get()
    restored = templates.restore_draft(draft=draft, actor=author, revision=saved.revision)
    assert restored.subject == "One"
    assert subjects(template) == ["One", "Two"]
    again = templates.restore_draft(draft=template.drafts.get(revision=2), actor=author, revision=3)
    assert (again.subject, again.html) == ("Two", template.html)
    with pytest.raises(templates.StaleTemplate):
        templates.restore_draft(draft=draft, actor=author, revision=3)


def test_the_older_the_fewer_are_kept(template: Template, author: User) -> None:
    now = clock.now().replace(minute=30)
    ages = [(1, 6), (3, 6), (26, 3), (30 * 24, 3), (31 * 24, 1), (100 * 24, 2)]
    number = 1000
    for hours, many in ages:
        for place in range(many):
            number -= 1
            at = now - dt.timedelta(hours=hours, minutes=place)
            TemplateDraft.objects.create(template=template, revision=number, source={}, saved_at=at)
    template_history.keep(template, actor=author, always=True)
    kept = [(now - draft.saved_at) // dt.timedelta(hours=1) for draft in template.drafts.all()]
    assert [sum(1 for hour in kept if hour == hours) for hours, _ in ages] == [6, 6, 1, 1, 1, 0]
