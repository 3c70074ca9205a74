import hashlib
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.storage import default_storage
from django.db import connection
from moto import mock_aws

from campaigns.media import kinds
from campaigns.models import AttachedContent, Attachment, Brand, MediaFile
from campaigns.selectors import media as selectors
from campaigns.services import media, publishing, templates
from mailplatform.accounts.models import AuditEntry
from tests.factories.campaigns import HTML, make_campaign, make_site, make_template, make_user
from tests.factories.media import PDF, make_media, picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def shown(found: MediaFile) -> str:
    """A mail that shows the file."""
    return HTML.replace("<h1>", f'<img src="https://x.example/m/{found.public_id.hex}/a.png" alt="A"><h1>')


def test_a_file_is_kept_once_whatever_it_is_called(storage: Path) -> None:
    actor = make_user()
    first = media.add(actor=actor, name="a.png", content=picture((1_500, 20)))
    again = media.add(actor=actor, name="other.png", content=picture((1_500, 20)), alt="Blue")
    kept = media.add(actor=actor, name="kept.png", content=media.read(first.media))
    assert (first.is_new, again.is_new, kept.is_new) == (True, False, False)
    assert first.media == again.media == kept.media
    assert again.media.alt == "Blue"
    assert len(files(storage)) == 2  # at both widths
    assert AuditEntry.objects.filter(action="media.added").count() == 1
    assert (first.media.width, first.media.double_width) == (1_200, 1_500)
    assert hashlib.sha256(media.read(first.media, double=True)).hexdigest() == first.media.double_hash


def test_a_document_is_kept_byte_for_byte() -> None:
    found = make_media("terms.pdf", PDF)
    assert (media.read(found), found.family, found.content_type) == (PDF, "document", "application/pdf")


def test_what_the_library_does_not_take_leaves_nothing_behind(storage: Path) -> None:
    with pytest.raises(kinds.UnusableFile):
        media.add(actor=None, name="a.svg", content=b"<svg><script>alert(1)</script></svg>")
    assert (MediaFile.objects.count(), files(storage)) == (0, [])


def test_where_the_storage_is_away_nothing_is_kept_and_nothing_lost(settings: Any, storage: Path) -> None:
    found = make_media()
    (storage / "taken").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = storage / "taken"
    with pytest.raises(media.StorageAway, match="nothing was kept"):
        media.add(actor=None, name="b.png", content=picture(colour="#ff0000"))
    with pytest.raises(media.StorageAway):
        media.read(found)
    assert MediaFile.objects.count() == 1
    settings.MEDIA_ROOT = storage
    default_storage.delete(media.storage_name(found.content_hash, found.content_type))
    with pytest.raises(media.FileGone):
        media.read(found)


def test_a_file_is_described_and_keeps_its_ending() -> None:
    found = make_media(alt="")
    changed = media.describe(media=found, actor=None, alt="  A   sky ", name="sky")
    assert (changed.alt, changed.name) == ("A sky", "sky.png")
    for wrong in ({"alt": "x" * 301}, {"alt": "", "name": "sky.jpg"}):
        with pytest.raises(media.InvalidDescription):
            media.describe(media=found, actor=None, **wrong)
    assert AuditEntry.objects.get(action="media.changed").detail["alt"] == ["", "A sky"]


def test_a_file_that_nothing_uses_is_deleted_with_all_that_it_holds(
    storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    found = make_media(content=picture((1_500, 20)))
    AttachedContent.objects.create(content_hash=found.content_hash, content=b"x")
    with django_capture_on_commit_callbacks(execute=True):
        media.delete(media=found, actor=None)
    assert (MediaFile.objects.count(), AttachedContent.objects.count(), files(storage)) == (0, 0, [])
    assert AuditEntry.objects.filter(action="media.deleted").count() == 1


def test_what_was_added_again_meanwhile_stays_in_the_storage(
    storage: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        media.delete(media=make_media(), actor=None)
        make_media()
    assert len(files(storage)) == 1


def _used_by_template(found: MediaFile) -> None:
    make_template(html=shown(found))


def _used_by_version(found: MediaFile) -> None:
    """The draft does not show it any more; what was published does, and mails do."""
    make_site()
    template = make_template(html=shown(found))
    publishing.publish(template=template, actor=None)
    templates.save_draft(template_id=template.pk, actor=None, revision=template.revision, html=HTML)


def _used_by_variable(found: MediaFile) -> None:
    make_campaign(variables={"picture": f"https://x.example/m/{found.public_id.hex}/a.png"})


def _used_by_default(found: MediaFile) -> None:
    make_template(defaults={"picture": f"/m/{found.public_id.hex}/a.png"})


def _attached(found: MediaFile) -> None:
    Attachment.objects.create(campaign=make_campaign(), media=found)


def _is_logo(found: MediaFile) -> None:
    Brand.objects.create(logo=found)


@pytest.mark.parametrize(
    "use", [_used_by_template, _used_by_version, _used_by_variable, _used_by_default, _attached, _is_logo]
)
def test_a_file_in_use_stays(use: Any, storage: Path) -> None:
    found, other = make_media(), make_media("other.png", picture(colour="#000000"))
    use(found)
    with pytest.raises(media.FileInUse) as caught:
        media.delete(media=found, actor=None)
    assert caught.value.uses
    assert not selectors.uses_of(other)
    assert len(files(storage)) == 2


def test_addresses_of_files_that_are_not_there_are_found() -> None:
    found = make_media()
    gone = "0" * 32
    assert selectors.missing_from([shown(found), f"/m/{gone}/a.png", "/m/short/"]) == {gone}
    assert selectors.missing_from(["nothing"]) == set()


@pytest.mark.parametrize("index", ["template_shows_media", "version_shows_media", "campaign_shows_media"])
def test_where_a_file_is_used_is_read_from_an_index(index: str) -> None:
    found = {sql.split("FROM ")[1].split()[0]: sql for sql in selectors.USES_SQL}
    table = {
        "template": "campaigns_template",
        "version": "campaigns_templateversion",
        "campaign": "campaigns_campaign",
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {found[table[index.partition('_')[0]]]}", ["0" * 32])
        assert index in str(cursor.fetchall())


@pytest.mark.drill
def test_files_live_in_a_bucket_where_one_is_set(
    settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with mock_aws():
        client = boto3.client(
            "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        client.create_bucket(
            Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        options = {
            "access_key": "x",
            "secret_key": "x",
            "bucket_name": "uploads",
            "region_name": "eu-central-1",
        }
        s3 = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = {**settings.STORAGES, "default": s3}
        found = make_media(content=picture((1_500, 20)))
        assert media.add(actor=None, name="again.png", content=media.read(found)).is_new is False
        assert len(client.list_objects_v2(Bucket="uploads")["Contents"]) == 2
        name = media.storage_name(found.double_hash, found.double_type)
        client.delete_object(Bucket="uploads", Key=name)
        with pytest.raises(media.FileGone):
            media.read(found, double=True)
        with django_capture_on_commit_callbacks(execute=True):
            media.delete(media=found, actor=None)
        assert "Contents" not in client.list_objects_v2(Bucket="uploads")
