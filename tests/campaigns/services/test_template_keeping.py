import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage

from campaigns.models import TemplateVersion
from campaigns.services import publishing, template_keeping
from tests.factories.campaigns import HTML, make_site, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(settings: Any, tmp_path: Path) -> TemplateVersion:
    settings.MEDIA_ROOT = tmp_path
    make_site()
    return publishing.publish(template=make_template(), actor=None)


def test_a_published_version_is_copied_once_with_its_source(version: TemplateVersion) -> None:
    assert (template_keeping.keep_versions(), template_keeping.keep_versions()) == (1, 0)
    with default_storage.open(template_keeping.storage_name(version)) as file:
        copy = json.load(file)
    assert copy["source"]["html"] == HTML
    assert copy["stored"]["html"] == version.html
    assert copy["content_hash"] == version.content_hash
    version.refresh_from_db()
    assert version.kept_at is not None


def test_a_copy_that_is_there_already_is_left_as_it_is(version: TemplateVersion) -> None:
    template_keeping.keep_versions()
    TemplateVersion.objects.update(kept_at=None)
    assert template_keeping.keep_versions() == 1
    folder = template_keeping.storage_name(version).rsplit("/", 1)[0]
    assert len(default_storage.listdir(folder)[1]) == 1


def test_where_the_storage_fails_the_next_look_tries_again(
    version: TemplateVersion, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = tmp_path / "taken"
    assert template_keeping.keep_versions() == 0
    version.refresh_from_db()
    assert version.kept_at is None
    settings.MEDIA_ROOT = tmp_path
    assert template_keeping.keep_versions() == 1
