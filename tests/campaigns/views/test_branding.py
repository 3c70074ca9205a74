from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Brand, MediaFile, Sender, Template
from campaigns.selectors import brand
from campaigns.services import branding, templates
from mailplatform.accounts.models import AuditEntry
from tests.factories.campaigns import make_campaign, make_sender, make_site, make_user
from tests.factories.media import make_media, picture

pytestmark = pytest.mark.django_db
COLOURS = {
    "main_colour": "#AA3377",
    "page_colour": "#f2f4f8",
    "heading_colour": "#171b26",
    "text_colour": "#2b3242",
}
FORM = {
    **COLOURS,
    "logo": "",
    "logo_width": "120",
    "font": "georgia",
    "social": "Instagram https://instagram.com/us",
}


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    make_site()
    return tmp_path


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(make_user())
    return client


def test_the_brand_is_saved_and_what_follows_shows_it(desk: Client) -> None:
    given = {**FORM, "new_logo": SimpleUploadedFile("logo.png", picture((300, 90)))}
    assert desk.post("/settings/brand/", given).status_code == 302
    row = Brand.objects.get()
    assert (row.main_colour, row.page_colour, row.font, row.logo_width) == ("#aa3377", "", "georgia", 120)
    assert row.logo is not None
    assert AuditEntry.objects.get(action="brand.changed").detail["main_colour"] == ["", "#aa3377"]
    template = templates.create_from_starter(slug="newsletter", actor=None)
    for part in ("#aa3377", brand.file_url(row.logo), "instagram.com/us", "Georgia"):
        assert part in template.html
    page = desk.get("/settings/brand/").content.decode()
    assert "#aa3377" in page
    assert brand.file_path(row.logo) in page
    assert brand.file_path(row.logo) in desk.get("/templates/starters/letter/").content.decode()
    visual = desk.get(f"/templates/{template.public_id}/visual/").content.decode()
    assert '"main": "#aa3377"' in visual


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"main_colour": "red"}, "six digits"),
        ({"social": "Instagram http://instagram.com"}, "begins with https://"),
        ({"social": "https://instagram.com"}, "write a name"),
        ({"social": 'X https://x.com/"onload='}, "begins with https://"),
        ({"social": "X https://x.com/{{email}}"}, "begins with https://"),
        ({"social": "\n".join(["X https://x.com"] * 9)}, "8 links are the most"),
        ({"font": "comic"}, "comic"),
        ({"logo_width": "5000"}, "600"),
        ({"new_logo": SimpleUploadedFile("logo.svg", b"<svg/>")}, "SVG"),
        ({"new_logo": SimpleUploadedFile("logo.pdf", b"%PDF-1.4")}, "has to be a picture"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_changes(desk: Client, changes: Any, words: str) -> None:
    response = desk.post("/settings/brand/", {**FORM, **changes})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Brand.objects.exclude(main_colour="").exists()


def test_hosted_pages_wear_the_brand(client: Client) -> None:
    plain = client.get("/archive/").content.decode()
    assert "/brand/" not in plain
    branding.save(actor=None, logo=make_media("logo.png"), social=[], main_colour="#aa3377")
    page = client.get("/archive/").content.decode()
    style = brand.page_css()
    assert style is not None
    assert f'href="/brand/{style.code}.css"' in page
    assert f'src="{brand.file_path(MediaFile.objects.get())}"' in page
    response = client.get(f"/brand/{style.code}.css")
    assert response["Content-Type"] == "text/css; charset=utf-8"
    assert "--brand" in response.content.decode()
    assert not response.cookies
    assert client.get("/brand/other.css").status_code == 404


def test_senders_are_changed_and_removed_unless_a_campaign_names_them(
    desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    sender = make_sender("a@example.com", "A")
    other = make_sender("a@example.com", "B")
    named = make_campaign(sender=other)
    prefix = f"sender{sender.pk}-"
    given = {"sender": str(sender.pk), f"{prefix}name": "Ann", f"{prefix}reply_to": "re@example.com"}
    desk.post("/settings/brand/senders/", given)
    sender.refresh_from_db()
    assert (sender.name, sender.reply_to) == ("Ann", "re@example.com")
    told = desk.post("/settings/brand/senders/", {**given, f"{prefix}name": "B"}, follow=True)
    assert "already a sender" in told.content.decode()
    told = desk.post("/settings/brand/senders/", {**given, f"{prefix}reply_to": "no"}, follow=True)
    assert "Not saved" in told.content.decode()
    told = desk.post("/settings/brand/senders/", {"sender": str(other.pk), "action": "remove"}, follow=True)
    assert "1 campaign name" in told.content.decode()
    named.delete()
    desk.post("/settings/brand/senders/", {"sender": str(other.pk), "action": "remove"})
    assert not Sender.objects.filter(pk=other.pk).exists()
    assert desk.post("/settings/brand/senders/", {"sender": "x"}).status_code == 404
    with django_assert_max_num_queries(15):
        page = desk.get("/settings/brand/").content.decode()
    assert "Verified" in page


def test_a_viewer_looks_and_changes_nothing(client: Client) -> None:
    client.force_login(make_user("viewer"))
    assert client.get("/settings/brand/").status_code == 200
    assert client.post("/settings/brand/", FORM).status_code == 403
    assert client.post("/settings/brand/senders/", {}).status_code == 403
    assert not Template.objects.exists()
