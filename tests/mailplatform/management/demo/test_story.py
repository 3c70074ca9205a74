"""The story can be told again after a start that was interrupted."""

import pytest

from mailplatform.management.demo import people, story
from subscribers.models import ImportJob
from tests.factories.campaigns import make_subscriber


@pytest.mark.django_db
def test_people_who_are_there_are_not_imported_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PEOPLE", 2)
    make_subscriber()
    make_subscriber()
    said: list[str] = []
    story.import_people(said.append)
    assert said == []
    assert not ImportJob.objects.exists()
