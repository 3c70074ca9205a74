import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Attachment, MediaFile
from campaigns.selectors import brand
from campaigns.services import media
from tests.factories.campaigns import make_campaign, make_site, make_template, make_user
from tests.factories.media import PDF, claimed_png, make_media, picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    make_site()
    return tmp_path


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(make_user())
    return client


def upload(*files: tuple[str, bytes]) -> dict[str, Any]:
    return {"uploads": [SimpleUploadedFile(name, content) for name, content in files]}


def words(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_good_files_are_added_and_each_bad_one_is_told(desk: Client) -> None:
    given = upload(
        ("a.png", picture()),
        ("again.png", picture()),
        ("b.pdf", PDF),
        ("evil.svg", b"<svg><script>alert(1)</script></svg>"),
        ("photo.png", picture(kind="JPEG")),
        ("bomb.png", claimed_png(10_000, 10_000)),
    )
    response = desk.post("/media/add/", given, follow=True)
    assert MediaFile.objects.count() == 2
    told = words(response)
    for part in (
        "2 files added",
        "there already",
        "SVG can hold a program",
        "holds image/jpeg",
        "50 megapixels",
    ):
        assert part in told


def test_one_file_alone_leads_to_its_page_to_be_described(desk: Client) -> None:
    response = desk.post("/media/add/", upload(("a.png", picture())))
    added = MediaFile.objects.get()
    assert response["Location"] == f"/media/{added.public_id}/"
    desk.post(response["Location"], {"name": "sky", "alt": "A blue sky"})
    added.refresh_from_db()
    assert (added.name, added.alt) == ("sky.png", "A blue sky")
    assert desk.post(f"/media/{added.public_id}/", {"name": "sky.exe", "alt": ""}).status_code == 422


@pytest.mark.parametrize("files", [(), [("a.png", picture())] * 21])
def test_nothing_and_too_much_are_refused_with_words(desk: Client, files: Any) -> None:
    response = desk.post("/media/add/", upload(*files))
    assert response.status_code == 422
    assert re.search("Choose at least one file|20 files at once", response.content.decode())


def test_where_the_storage_is_away_the_page_says_so(desk: Client, settings: Any, storage: Path) -> None:
    (storage / "taken").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = storage / "taken"
    response = desk.post("/media/add/", upload(("a.png", picture())), follow=True)
    assert "storage does not answer" in words(response)
    assert not MediaFile.objects.exists()


def test_the_list_is_searched_and_costs_few_queries(
    desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        make_media(f"picture{number}.png", picture((40 + number, 9)), alt="Harbour" if number else "")
    make_media("terms.pdf", PDF)
    with django_assert_max_num_queries(12):
        page = desk.get("/media/").content.decode()
    assert page.count('class="mp-media-shot"') == 5
    for query, count in (
        ("search=harbour", 3),
        ("family=document", 1),
        ("missing=alt", 1),
        ("search=nothing", 0),
    ):
        assert desk.get(f"/media/?{query}").content.decode().count('class="mp-media-shot"') == count


def test_a_used_file_shows_where_and_is_not_deleted(desk: Client) -> None:
    found = make_media()
    template = make_template(html=f'<img src="{brand.file_url(found)}" alt="">')
    path = f"/media/{found.public_id}/"
    page = desk.get(path).content.decode()
    assert template.name in page
    assert "delete-media" not in page
    assert "is in use" in words(desk.post(f"{path}delete/", follow=True))
    template.delete()
    assert "is deleted" in words(desk.post(f"{path}delete/", follow=True))
    assert not MediaFile.objects.exists()


def test_a_viewer_looks_and_changes_nothing(client: Client) -> None:
    client.force_login(make_user("viewer"))
    found = make_media()
    assert client.get("/media/").status_code == 200
    assert "mp-drop" not in client.get("/media/").content.decode()
    assert client.get(f"/media/{found.public_id}/").status_code == 200
    for path in (
        "/media/add/",
        f"/media/{found.public_id}/",
        f"/media/{found.public_id}/delete/",
        "/media/picker/",
    ):
        assert client.post(path, {"name": "x.png", "alt": "x"}).status_code == 403
    assert MediaFile.objects.get().alt == "A blue sky"


def test_mails_load_a_file_without_cookie_and_keep_it_for_long(client: Client) -> None:
    found = make_media("Ein Bild.png", picture((1_500, 20)))
    path = brand.file_path(found)
    assert path == f"/m/{found.public_id.hex}/ein-bild.png"
    response = client.get(path)
    assert response.content == media.read(found)
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert not response.cookies
    assert client.get(path, headers={"If-None-Match": response["ETag"]}).status_code == 304
    assert client.head(path).status_code == 200
    assert client.get(brand.file_path(found, double=True)).content == media.read(found, double=True)
    media.describe(media=found, actor=None, alt="", name="other")
    assert client.get(path).status_code == 200  # mails that were sent keep their address


def test_a_document_is_saved_not_shown(client: Client) -> None:
    response = client.get(brand.file_path(make_media("terms.pdf", PDF)))
    assert (response["Content-Type"], response["Content-Disposition"]) == (
        "application/pdf",
        'attachment; filename="terms.pdf"',
    )


def test_what_is_not_there_or_cannot_be_read_is_said_honestly(
    client: Client, settings: Any, storage: Path
) -> None:
    found = make_media()
    path = brand.file_path(found)
    for wrong in (f"/m/{uuid4().hex}/a.png", "/m/short/a.png", "/m/../a.png"):
        assert client.get(wrong).status_code == 404
    (storage / "taken").write_text("a file where the folder should be")
    settings.MEDIA_ROOT = storage / "taken"
    response = client.get(path)
    assert (response.status_code, response["Cache-Control"]) == (503, "no-store")
    settings.MEDIA_ROOT = storage
    default_storage.delete(media.storage_name(found.content_hash, found.content_type))
    assert client.get(path).status_code == 404


def test_the_picker_offers_pictures_with_words_and_asks_for_missing_ones(desk: Client) -> None:
    make_media("sky.png")
    bare = make_media("bare.png", picture((50, 9)), alt="")
    make_media("terms.pdf", PDF)
    page = desk.get("/media/picker/?into=html").content.decode()
    assert page.count("data-media-pick") == 1
    assert 'data-into="html"' in page
    assert "terms.pdf" not in page
    page = desk.post("/media/picker/", {"media": str(bare.public_id), "alt": "A bar"}).content.decode()
    assert page.count("data-media-pick") == 2
    new = {**upload(("new.png", picture((60, 9)))), "alt": "New"}
    assert desk.post("/media/picker/", new).content.decode().count("data-media-pick") == 3
    for bad in ({**upload(("a.svg", b"<svg/>")), "alt": "x"}, upload(("a.png", picture())), {"media": "no"}):
        assert desk.post("/media/picker/", bad).status_code == 422


def test_a_campaign_gets_attachments_from_the_library_or_from_a_new_file(desk: Client) -> None:
    campaign = make_campaign()
    path = f"/campaigns/{campaign.public_id}/attachments/"
    old = make_media("old.pdf", PDF)
    desk.post(f"{path}add/", {"media": str(old.public_id)})
    desk.post(f"{path}add/", {"file": SimpleUploadedFile("new.ics", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")})
    assert Attachment.objects.filter(campaign=campaign).count() == 2
    page = desk.get(f"/campaigns/{campaign.public_id}/content/").content.decode()
    assert "new.ics" in page
    assert "old.pdf" in desk.get(f"/campaigns/{campaign.public_id}/review/").content.decode()
    told = desk.post(f"{path}add/", {"file": SimpleUploadedFile("a.exe", b"MZ")}, follow=True)
    assert "the library takes" in words(told)
    assert "Choose a file" in words(desk.post(f"{path}add/", {}, follow=True))
    desk.post(f"{path}remove/", {"attachment": str(Attachment.objects.earliest("pk").pk)})
    assert Attachment.objects.get().media.name == "new.ics"
    client_of_viewer = Client()
    client_of_viewer.force_login(make_user("viewer"))
    assert client_of_viewer.post(f"{path}add/", {"media": str(old.public_id)}).status_code == 403
