from typing import Any

import pytest

from mailplatform.accounts.models import AuditEntry
from subscribers.models import BulkJob, CustomField, Profile, Segment, Subscriber, Tag
from subscribers.segments.rules import RuleError
from subscribers.selectors import segments
from subscribers.services import vocabulary
from subscribers.services.fields import FieldError, ensure_field
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
CITY = {"match": "all", "rules": [{"subject": "field.city", "operator": "equals", "value": "Berlin"}]}


def test_a_deleted_field_takes_its_values_along_and_its_rule_says_so() -> None:
    city = ensure_field(key="city", label="City", field_type="text")
    assert city.slot
    ann = person(values={"city": "Berlin"})
    Segment.objects.create(name="Berliners", rules=CITY)
    assert segments.total(CITY) == 1
    job = vocabulary.delete_field(field=city, actor=None)
    assert (job.state, job.changed) == ("done", 1)
    ann.refresh_from_db()
    assert ann.fields == {}
    assert getattr(Profile.objects.get(pk=ann.pk), city.slot) is None
    with pytest.raises(RuleError, match=r"no field “field\.city” any more"):
        segments.total(CITY)
    assert AuditEntry.objects.filter(action="field.deleted", detail={"key": "city"}).exists()


def test_a_field_whose_values_are_still_being_removed_is_not_made_again_nor_its_slot_given_away() -> None:
    target = {"key": "city", "slot": "text_1"}
    BulkJob.objects.create(action="forget_field", target=target)
    with pytest.raises(FieldError, match="still being removed"):
        ensure_field(key="city", label="City", field_type="text")
    assert ensure_field(key="town", label="Town", field_type="text").slot == "text_2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": " "}, "a name"),
        ({"choices": []}, "at least one"),
        ({"choices": [str(number) for number in range(501)]}, "at most 500"),
        ({"default": "gold"}, "one of the things"),
    ],
)
def test_what_is_wrong_with_a_field_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        vocabulary.create_field(
            **({"label": "Plan", "field_type": "choice", "choices": ["free", "paid"], "actor": None} | change)
        )
    with pytest.raises(FieldError, match="does not fit"):
        vocabulary.create_field(label="Age", field_type="number", default="old", actor=None)
    assert not CustomField.objects.exists()


def test_a_field_is_renamed_and_keeps_its_key() -> None:
    plan = vocabulary.create_field(
        label="Plan", field_type="choice", choices=["free", "", "free"], actor=None
    )
    vocabulary.update_field(field=plan, label="Tariff", choices=["free", "paid"], default="paid", actor=None)
    plan.refresh_from_db()
    assert (plan.key, plan.label, plan.choices, plan.default) == ("plan", "Tariff", ["free", "paid"], "paid")


def test_tags_are_made_renamed_and_deleted() -> None:
    vip = vocabulary.create_tag(name=" VIP ", actor=None)
    other = vocabulary.create_tag(name="Other", actor=None)
    ann = person(tags=["VIP"])
    for name in ("VIP", " "):
        with pytest.raises(vocabulary.TagError):
            vocabulary.rename_tag(tag=Tag.objects.get(pk=other.pk), name=name, actor=None)
    vocabulary.rename_tag(tag=vip, name="Friends", actor=None)
    assert [tag.name for tag in Subscriber.objects.get().tags.all()] == ["Friends"]
    vocabulary.delete_tag(tag=vip, actor=None)
    assert not Tag.objects.filter(pk=vip.pk).exists()
    assert Profile.objects.get(pk=ann.pk).tag_ids == []
    assert vocabulary.delete_tag(tag=other, actor=None).state == "done"
