"""The register's page: who sees what, filters, check and export."""

import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.accounts.models import AuditEntry, User
from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import Subscriber
from subscribers.services import consent, erasure
from subscribers.views import register as views
from tests.factories.accounts import AdminFactory, UserFactory, ViewerFactory

pytestmark = pytest.mark.django_db
URL = "/consent/"


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


def fill(count: int, **changes: Any) -> list[Subscriber]:
    made = Subscriber.objects.bulk_create(
        Subscriber(email=f"p{n}@example.test", email_key=email_key(f"p{n}@example.test"))
        for n in range(count)
    )
    fields: dict[str, Any] = {
        "purpose": "marketing_email", "act": "granted", "lawful_basis": "consent", "method": "import",
        "source": "file <b>", "occurred_at": clock.now(), "actor": "import:1", "evidence": {"box": "ticked"},
    }  # fmt: skip
    consent.record_many(
        entries=[consent.ConsentEntry(**{**fields, **changes, "subscriber_id": person.id}) for person in made]
    )
    return made


def page(user: User, **query: Any) -> str:
    client = Client()
    client.force_login(user)
    response = client.get(URL, query)
    assert response.status_code == 200
    return str(response.content.decode())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get(URL).status_code == 302
    assert client.post(reverse("subscribers:register_export")).status_code == 302
    assert client.post(reverse("subscribers:register_verify")).status_code == 302


def test_an_empty_register_teaches() -> None:
    assert "No consent recorded yet" in page(ViewerFactory.create())


def test_a_viewer_reads_but_does_not_export() -> None:
    fill(2)
    text = page(ViewerFactory.create())
    assert "p1@example.test" in text
    assert "file &lt;b&gt;" in text
    assert "Export the register" not in text
    for user in (ViewerFactory.create(), UserFactory.create()):
        assert signed_in(user).post(reverse("subscribers:register_export")).status_code == 403


def test_an_erased_person_has_no_name_there() -> None:
    person = fill(1)[0]
    erasure.erase(subscriber_id=person.id, actor=None, source="page")
    text = page(ViewerFactory.create())
    assert "p0@example.test" not in text
    assert text.count("Erased") >= 2


def test_filters_show_and_say_what_they_cannot_read() -> None:
    fill(2, purpose="open_tracking")
    user = ViewerFactory.create()
    assert "p0@example.test" in page(user, purpose="open_tracking")
    assert "Nothing matches" in page(user, purpose="profiling")
    text = page(user, since="31.1.2026", act="dance", before="x", source="a\0b")
    assert "is not a date" in text
    assert "is not known here" in text


def test_pages_keep_their_filters() -> None:
    fill(60)
    text = page(ViewerFactory.create(), act="granted")
    assert "act=granted&amp;before=11" in text
    assert "act=granted&amp;after=10" in page(ViewerFactory.create(), act="granted", before="11")


def test_the_page_costs_the_same_however_long_the_register(django_assert_max_num_queries: Any) -> None:
    fill(50)
    client = signed_in(ViewerFactory.create())
    client.get(URL)
    with django_assert_max_num_queries(12):
        client.get(URL)


@pytest.mark.parametrize("htmx", [True, False])
def test_the_check_says_what_came_out(htmx: bool, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        fill(3)
    client = signed_in(ViewerFactory.create())
    response = client.post(
        reverse("subscribers:register_verify"), headers={"HX-Request": "true"} if htmx else {}
    )
    text = response.content.decode()
    assert "The register is as it was written" in text
    assert ("<html" in text) is not htmx
    assert AuditEntry.objects.filter(action="register.verified").count() == 1


def test_a_fault_is_said() -> None:
    fill(1)  # no commit, so no checkpoint
    text = signed_in(ViewerFactory.create()).post(reverse("subscribers:register_verify")).content.decode()
    assert "The register is NOT as it was written" in text


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_admin_gets_a_signed_zip(form: str) -> None:
    fill(3)
    admin = AdminFactory.create()
    response = signed_in(admin).post(reverse("subscribers:register_export"), {"form": form, "act": "granted"})
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith('attachment; filename="consent-register-')
    with zipfile.ZipFile(io.BytesIO(b"".join(response))) as found:
        assert f"register.{form}" in found.namelist()
    assert AuditEntry.objects.get(action="register.exported").actor == admin


def test_an_export_with_a_filter_that_cannot_be_read_is_refused() -> None:
    response = signed_in(AdminFactory.create()).post(
        reverse("subscribers:register_export"), {"since": "soon"}
    )
    assert response.status_code == 400
    assert not AuditEntry.objects.filter(action="register.exported").exists()


def test_under_asgi_the_file_is_sent_in_pieces() -> None:
    import asyncio

    from django.test import AsyncRequestFactory

    from subscribers.views.register import CHUNK, download

    file = io.BytesIO(b"x" * (CHUNK + 1))
    response: Any = download(AsyncRequestFactory().get("/"), file, "x.zip")

    async def read() -> list[int]:
        return [len(piece) async for piece in response]

    assert asyncio.run(read()) == [CHUNK, 1]
    assert file.closed


def test_a_large_register_is_not_checked_in_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(2)
    monkeypatch.setattr(views, "CHECKED_IN_BROWSER", 1)
    answer = signed_in(ViewerFactory.create()).post(reverse("subscribers:register_verify"), follow=True)
    assert b"too large to be checked here" in answer.content
    assert not AuditEntry.objects.filter(action="register.verified").exists()


@pytest.mark.parametrize("name", ["register_export", "register_verify"])
def test_only_posts_act(name: str) -> None:
    assert signed_in(AdminFactory.create()).get(reverse(f"subscribers:{name}")).status_code == 405
