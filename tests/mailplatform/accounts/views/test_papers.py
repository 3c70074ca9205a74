import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from mailplatform.accounts.models import PaperVersion, User
from mailplatform.accounts.papers.catalogue import KINDS
from mailplatform.accounts.services import installation, papers
from tests.factories.accounts import AdminFactory, InstallationFactory, UserFactory

pytestmark = pytest.mark.django_db
ROPA = "/settings/papers/ropa/"


@pytest.fixture
def admin() -> User:
    InstallationFactory.create(company="Books <b>& Söhne</b>")
    made: User = AdminFactory.create()
    return made


@pytest.fixture
def desk(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_the_list_shows_what_was_approved_and_what_moved(
    desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(50):
        page = desk.get("/settings/papers/")
    assertContains(page, "Not approved yet", count=len(KINDS))
    desk.post(ROPA, {"fingerprint": papers.draft("ropa").fingerprint})
    assertContains(desk.get("/settings/papers/"), "Approved", count=1)
    installation.update(actor=None, company="Others")
    assertContains(desk.get("/settings/papers/"), "Settings have moved", count=1)
    assertContains(desk.get(ROPA), "→ Others")


@pytest.mark.parametrize("key", KINDS)
def test_each_paper_is_a_page_with_its_values_escaped(desk: Client, key: str) -> None:
    page = desk.get(f"/settings/papers/{key}/")
    assertContains(page, "Books &lt;b&gt;&amp; Söhne&lt;/b&gt;")
    assertNotContains(page, "<b>& ")
    assertContains(page, "This is a draft")


def test_gaps_are_marked(desk: Client) -> None:
    assertContains(desk.get(ROPA), '<td class="mp-gap">[to be filled in: data protection officer')


def test_files(desk: Client) -> None:
    text = desk.get("/settings/papers/ropa.md")
    assert text["Content-Type"] == "text/markdown; charset=utf-8"
    assert text["Content-Disposition"] == 'attachment; filename="ropa.md"'
    assert text.content.decode().startswith("# Record of processing activities\n")
    paper = desk.get("/settings/papers/ropa.pdf")
    assert paper["Content-Type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF-")


def test_what_nobody_read_is_not_approved(desk: Client) -> None:
    page = desk.post(ROPA, {"fingerprint": "0" * 64}, follow=True)
    assertContains(page, "Read the paper again")
    assert not PaperVersion.objects.exists()


@pytest.mark.parametrize("address", ["nothing/", "nothing.md", "nothing.pdf"])
def test_no_such_paper(desk: Client, address: str) -> None:
    assert desk.get(f"/settings/papers/{address}").status_code == 404


def test_questions_are_answered(desk: Client) -> None:
    page = desk.post("/settings/papers/questions/", {"dpo": "Jo <Doe>", "aws_dpa_date": "2026-05-31"})
    assertRedirects(page, "/settings/papers/", fetch_redirect_response=False)
    assert papers.answers() == {"dpo": "Jo <Doe>", "aws_dpa_date": "2026-05-31"}
    assertContains(desk.get("/settings/papers/questions/"), "Jo &lt;Doe&gt;")
    assertContains(desk.get(ROPA), "Jo &lt;Doe&gt;")


def test_a_wrong_answer_keeps_what_was_typed(desk: Client) -> None:
    page = desk.post("/settings/papers/questions/", {"dpo": "Jo", "aws_dpa_date": "soon"})
    assertContains(page, "year-month-day", status_code=422)
    assertContains(page, 'value="soon"', status_code=422)
    assert papers.answers() == {}


@pytest.mark.parametrize("address", ["", "questions/", "ropa/", "ropa.md", "ropa.pdf"])
def test_only_for_administrators(address: str) -> None:
    client = Client()
    assert client.get(f"/settings/papers/{address}").status_code == 302
    client.force_login(UserFactory.create(role="marketer"))
    assert client.get(f"/settings/papers/{address}").status_code == 403
