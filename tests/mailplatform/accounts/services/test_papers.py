"""The papers follow the configuration, say what is missing, and remember what was kept."""

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from mailplatform.accounts.models import AuditEntry, PaperAnswer, PaperKind, PaperVersion
from mailplatform.accounts.papers import markdown
from mailplatform.accounts.papers.blocks import texts
from mailplatform.accounts.papers.catalogue import KINDS
from mailplatform.accounts.services import installation, papers
from tests.factories.accounts import AdminFactory, InstallationFactory
from tests.factories.events import make_run

pytestmark = pytest.mark.django_db


def text(key: str) -> str:
    return markdown.render(papers.draft(key).paper)


@pytest.mark.parametrize("key", KINDS)
def test_each_says_who_when_from_what_and_that_it_is_a_draft(key: str) -> None:
    InstallationFactory.create(company="Books & Söhne")
    made = papers.draft(key)
    head = dict(made.paper.made)
    assert head["Controller"] == "Books & Söhne"
    assert head["Made"].endswith("UTC")
    assert made.fingerprint[:16] in head["From"]
    assert made.paper.warnings[0] == papers.DRAFT
    assert made.paper.settings.rows
    assert made.paper.gaps or key in {"consent-texts", "third-parties"}


def test_all_of_them_are_written_with_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    InstallationFactory.create()
    with django_assert_max_num_queries(12):
        assert [made.kind.key for made in papers.drafts()] == list(KINDS)


def test_nobody_knows_this_paper() -> None:
    with pytest.raises(papers.UnknownPaper):
        papers.draft("constitution")


@pytest.mark.parametrize("key", ["ropa", "tia", "privacy-notice"])
def test_a_changed_region_shows(key: str, settings: Settings) -> None:
    settings.AWS_REGION, settings.AWS_ENDPOINT_URLS = "", {}
    InstallationFactory.create(region="eu-west-1")
    assert "Dublin" in text(key)
    installation.update(actor=None, region="eu-north-1")
    assert "Stockholm" in text(key)
    assert "Dublin" not in text(key)


def test_tracking_by_amazon_that_is_switched_on_shows() -> None:
    InstallationFactory.create(track_opens=False, track_clicks=False, tracking_carrier="ses")
    assert "We do not measure" in text("privacy-notice")
    assert "awstrack" not in text("third-parties")
    before = papers.draft("dpia").fingerprint
    installation.update(actor=None, track_opens=True)
    assert "We do not measure" not in text("privacy-notice")
    assert "awstrack" in text("third-parties")
    assert "cannot silence" in text("dpia")
    assert papers.draft("dpia").fingerprint != before


def test_where_this_site_counts_no_paper_speaks_of_amazons_tracking(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS = {}
    InstallationFactory.create(track_opens=True, tracking_carrier="own")
    assert "redirects of our own site" in text("privacy-notice")
    assert "mails already sent as well" in text("privacy-notice")
    assert "also silences mail already sent" in text("dpia")
    assert "by this site" in text("ropa")
    assert "no third party" in text("third-parties")
    for key, words in {
        "third-parties": "awstrack", "processors": "address and program", "tia": "address and program",
        "privacy-notice": "contact Amazon", "dpia": "Amazon still sees", "ropa": "by Amazon SES",
    }.items():  # fmt: skip
        assert words not in text(key), key
        installation.update(actor=None, tracking_carrier="ses")
        assert words in text(key), key
        installation.update(actor=None, tracking_carrier="own")


def test_mail_that_amazon_counted_is_not_forgotten_when_this_site_counts() -> None:
    InstallationFactory.create(track_opens=True, tracking_carrier="own")
    make_run(track_opens=False, track_clicks=False)
    make_run(carrier="own")
    assert "awstrack" not in text("third-parties")
    make_run()
    for key, words in {
        "third-parties": "awstrack", "processors": "address and program", "tia": "address and program",
        "dpia": "while Amazon counted", "privacy-notice": "before we counted ourselves",
    }.items():  # fmt: skip
        assert words in text(key), key


def test_measuring_that_was_switched_off_leaves_amazons_links_in_older_mail() -> None:
    InstallationFactory.create(track_opens=False, track_clicks=False, tracking_carrier="own")
    make_run(carrier="ses", track_opens=False)
    assert "awstrack" in text("third-parties")
    assert "We do not measure" in text("privacy-notice")
    assert "Mails that we sent before" in text("privacy-notice")


def test_exceptions_of_the_operator_stand_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    InstallationFactory.create()
    assert "EEA\\_EXCEPTIONS" not in text("ropa")
    monkeypatch.setenv("EEA_EXCEPTIONS", "us-east-1,store.example.com")
    for key in KINDS:
        assert any("store.example.com, us-east-1" in warning for warning in papers.draft(key).paper.warnings)
    assert "| us-east-1 | allowed by the operator in EEA\\_EXCEPTIONS |" in text("ropa")


def test_the_sandbox_is_named(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:1", "sns": "http://127.0.0.1:1"}
    InstallationFactory.create(account_id="")
    assert "no mail leaves this machine" in text("tia")
    assert any("sandbox" in warning for warning in papers.draft("ropa").paper.warnings)


class TestMailServer:
    NAMED = (
        "ropa",
        "dpia",
        "tia",
        "processors",
        "privacy-notice",
        "third-parties",
        "consent-texts",
        "data-inventory",
        "retention",
    )

    @pytest.fixture(autouse=True)
    def _smtp(self, settings: Settings) -> None:
        settings.AWS_ENDPOINT_URLS = {}
        settings.SMTP_URL = "smtp://news@mail.example.eu:587"
        settings.SMTP_PASSWORD = "secret-word"
        InstallationFactory.create(account_id="")

    @pytest.mark.parametrize("key", NAMED)
    def test_is_named_where_it_sends_and_amazon_is_not(self, key: str, settings: Settings) -> None:
        said = "\n".join(words for block in papers.draft(key).paper.blocks for words in texts(block))
        assert "mail.example.eu" in said
        assert "secret-word" not in text(key)
        for claim in ("Amazon SES sends", "use Amazon SES", "by Amazon SES", "Sending mail, events", "email.eu",
                      "Mail is processed in", "Data plane", "mails while they are sent",
                      "queue at Amazon", "complaints are known"):  # fmt: skip
            assert claim not in said, claim
        settings.SMTP_URL = ""
        assert "mail.example.eu" not in text(key)

    @pytest.mark.parametrize("key", KINDS)
    def test_a_changed_one_shows_in_every_paper(self, key: str, settings: Settings) -> None:
        before = papers.keep(papers.draft(key), kind=PaperKind.EXPORTED, actor=None).fingerprint
        settings.SMTP_URL = "smtps://news@post.example.org"
        made = papers.draft(key)
        assert "SMTP server in the place of Amazon SES: mail.example.eu → post.example.org" in made.moved
        assert made.fingerprint != before
        settings.SMTP_URL = ""
        assert "SMTP server in the place of Amazon SES: mail.example.eu (gone)" in papers.draft(key).moved

    def test_who_runs_it_is_asked_only_where_it_sends(self, settings: Settings) -> None:
        assert any("who runs the SMTP server" in gap for gap in papers.draft("processors").paper.gaps)
        given = {"smtp_runner": "Our own Postfix in Graz", "smtp_dpa": "none needed", "smtp_transfers": "no"}
        papers.answer(given=given, actor=None)
        for key in ("ropa", "dpia", "tia", "processors", "privacy-notice"):
            assert "Our own Postfix in Graz" in text(key), key
            assert not any("SMTP" in gap for gap in papers.draft(key).paper.gaps), key
        settings.SMTP_URL = ""
        assert not any("SMTP" in gap for gap in papers.draft("processors").paper.gaps)
        assert "Postfix" not in text("processors")

    def test_amazon_is_a_processor_for_what_is_left_there_alone(self, settings: Settings) -> None:
        assert "Amazon Web Services" not in text("processors")
        assert "amazonaws" not in text("third-parties")
        assert "CLOUD Act" not in text("tia")
        settings.S3_BUCKET, settings.S3_REGION = "uploads", "eu-central-1"
        assert "Sends no mail; keeps uploads in S3, in eu-central-1" in text("processors")
        assert "keeps uploads in S3" in text("ropa")
        assert "CLOUD Act" in text("tia")
        settings.S3_BUCKET = ""
        installation.update(actor=None, account_id="123456789012")
        assert "addresses that bounced or complained" in text("processors")

    def test_hits_of_mail_that_amazon_counted_are_still_amazons(self) -> None:
        installation.update(actor=None, track_opens=True, tracking_carrier="ses")
        assert "awstrack" not in text("third-parties")
        assert "We do not measure" in text("privacy-notice")
        assert "an SMTP server sends: nobody is counted" in text("dpia")
        make_run()
        assert "awstrack" in text("third-parties")
        assert "sees hits of mail that was sent while it counted" in text("processors")

    def test_beside_the_sandbox_mail_leaves(self, settings: Settings) -> None:
        settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:1", "sns": "http://127.0.0.1:1"}
        assert "no mail leaves" not in text("tia")
        assert not any("sandbox" in warning for warning in papers.draft("ropa").paper.warnings)

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("smtp://localhost:25", "port 25, on this machine, TLS not demanded"),
            ("smtp://mail.example.eu", "port 587, TLS after STARTTLS, never without"),
            ("smtps://mail.example.eu", "port 465, TLS from the first byte"),
        ],
    )
    def test_its_line_is_said(self, settings: Settings, url: str, line: str) -> None:
        settings.SMTP_URL, settings.SMTP_PASSWORD = url, ""
        assert line in text("ropa")


class TestAnswers:
    def test_fill_the_gaps(self) -> None:
        InstallationFactory.create()
        gaps = len(papers.draft("processors").paper.gaps)
        admin = AdminFactory.create()
        given = {"aws_dpa_date": " 2026-03-01 ", "aws_dpa_ref": "v5 <2026>", "dpo": ""}
        assert papers.answer(given=given, actor=admin) == ["aws_dpa_date", "aws_dpa_ref"]
        made = papers.draft("processors")
        assert len(made.paper.gaps) == gaps - 2
        assert "v5 \\<2026\\>" in markdown.render(made.paper)
        entry = AuditEntry.objects.get(action="papers.answered")
        assert entry.detail == {"questions": ["aws_dpa_date", "aws_dpa_ref"]}

    def test_an_emptied_answer_is_a_gap_again(self) -> None:
        papers.answer(given={"dpo": "Jo Doe"}, actor=None)
        assert papers.answer(given={"dpo": "  "}, actor=None) == ["dpo"]
        assert not PaperAnswer.objects.exists()

    def test_the_same_answer_changes_nothing(self) -> None:
        papers.answer(given={"dpo": "Jo Doe"}, actor=None)
        assert papers.answer(given={"dpo": "Jo Doe"}, actor=None) == []

    @pytest.mark.parametrize(
        ("key", "said", "words"),
        [
            ("aws_dpa_date", "1 March", "year-month-day"),
            ("dpo", "x" * 5001, "At most"),
            ("dpo", "a\x00b", "plain text"),
            ("nothing", "x", "no question"),
        ],
    )
    def test_nonsense_is_refused_and_nothing_is_stored(self, key: str, said: str, words: str) -> None:
        with pytest.raises(papers.AnswerError, match=words) as caught:
            papers.answer(given={"host": "Somebody", key: said}, actor=None)
        assert caught.value.key == key
        assert not PaperAnswer.objects.exists()


class TestVersions:
    def test_what_was_approved_is_kept_with_its_settings(self) -> None:
        InstallationFactory.create(company="Books")
        admin = AdminFactory.create()
        made = papers.draft("retention")
        version = papers.approve(key="retention", fingerprint=made.fingerprint, actor=admin)
        assert (version.number, version.kind, version.made_by) == (1, PaperKind.APPROVED, admin)
        assert version.settings["controller.company"] == ["Company", "Books"]
        assert version.text.startswith("# Retention schedule")
        assert AuditEntry.objects.filter(action="paper.approved").count() == 1
        assert papers.draft("retention").moved == []

    def test_a_paper_says_what_moved_since(self) -> None:
        InstallationFactory.create(company="Books")
        admin = AdminFactory.create()
        papers.approve(key="ropa", fingerprint=papers.draft("ropa").fingerprint, actor=admin)
        installation.update(actor=None, company="More Books", track_clicks=True)
        made = papers.draft("ropa")
        assert made.moved == ["Company: Books → More Books", "Measure clicks: no → yes"]
        assert "Company: Books → More Books" in made.paper.warnings[1]
        assert "moved since version 1 (approved)" in made.paper.warnings[1]
        installation.update(actor=None, company="Books", track_clicks=False)
        assert papers.draft("ropa").moved == []

    def test_a_setting_that_a_paper_does_not_use_does_not_move_it(self) -> None:
        InstallationFactory.create()
        before = papers.draft("lia").fingerprint
        installation.update(actor=None, track_opens=True)
        assert papers.draft("lia").fingerprint == before

    def test_nothing_is_approved_that_nobody_read(self) -> None:
        InstallationFactory.create(company="Books")
        admin = AdminFactory.create()
        read = papers.draft("ropa").fingerprint
        installation.update(actor=None, company="Others")
        with pytest.raises(papers.PaperChanged):
            papers.approve(key="ropa", fingerprint=read, actor=admin)
        assert not PaperVersion.objects.exists()

    def test_an_export_of_the_same_is_not_kept_twice(self) -> None:
        InstallationFactory.create()
        first = papers.keep(papers.draft("tia"), kind=PaperKind.EXPORTED, actor=None)
        assert papers.keep(papers.draft("tia"), kind=PaperKind.EXPORTED, actor=None) == first
        papers.answer(given={"tia_result": "Acceptable. Jo Doe, 2026-05-01"}, actor=None)
        assert papers.keep(papers.draft("tia"), kind=PaperKind.EXPORTED, actor=None).number == 2
