"""What was chosen for the account at Amazon stands in the papers, and moves them when it changes."""

from typing import Any, Final

import pytest
from pytest_django import Settings

from mailplatform.accounts.models import PaperKind
from mailplatform.accounts.papers import markdown
from mailplatform.accounts.papers.blocks import texts
from mailplatform.accounts.papers.catalogue import KINDS
from mailplatform.accounts.services import installation, papers
from tests.factories.accounts import InstallationFactory
from tests.factories.events import make_run

pytestmark = pytest.mark.django_db
WEEKLY: Final = {"name": "weekly", "expression": "rate(7 days)", "campaign": "", "event": "price-list"}
CHOSEN: Final[dict[str, Any]] = {
    "identities": ["example.eu"],
    "operations_address": "ops@example.eu",
    "ip_pool": "",
    "tenant": "",
    "tracking_domain": "",
    "schedules": [],
    "without": [],
}


@pytest.fixture(autouse=True)
def _connected(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS, settings.AWS_REGION = {}, ""
    InstallationFactory.create(
        region="eu-central-1",
        account_id="123456789012",
        track_opens=True,
        tracking_carrier="ses",
        provisioning=CHOSEN,
    )


def choose(**changes: Any) -> None:
    installation.update(actor=None, provisioning={**CHOSEN, **changes})


def text(key: str) -> str:
    return markdown.render(papers.draft(key).paper).replace("\\", "")


def body(key: str) -> str:
    """Without the list of settings, which names every fact."""
    return "\n".join(words for block in papers.draft(key).paper.blocks for words in texts(block))


@pytest.mark.parametrize(
    ("changes", "moved"),
    [
        ({"operations_address": "new@example.eu"}, "gets Amazon's alarms: ops@example.eu → new@example.eu"),
        ({"tenant": "books"}, "Tenant of Amazon SES: books (new)"),
        ({"ip_pool": "ours"}, "Pool of dedicated addresses: ours (new)"),
        ({"tracking_domain": "t.example.eu"}, "Tracking domain in front of Amazon's: t.example.eu (new)"),
        ({"schedules": [WEEKLY]}, "Schedules at Amazon: weekly, rate(7 days): price-list (new)"),
        ({"identities": ["example.org"]}, "Domains and addresses set up to send: example.eu → example.org"),
        ({"without": ["buckets"]}, "Set up at Amazon: files and ledger checkpoints in S3: yes → no"),
    ],
)
def test_a_changed_choice_moves_every_paper(changes: dict[str, Any], moved: str) -> None:
    before = {
        made.kind.key: papers.keep(made, kind=PaperKind.EXPORTED, actor=None).fingerprint
        for made in papers.drafts()
    }
    choose(**changes)
    for made in papers.drafts():
        assert made.moved[0].endswith(moved), made.kind.key
        assert made.fingerprint != before[made.kind.key]
    choose()
    assert {made.kind.key: made.fingerprint for made in papers.drafts()} == before


def test_monitoring_stands_with_hosts_services_and_whoever_is_told() -> None:
    assert "| monitoring.eu-central-1.amazonaws.com |" in text("third-parties")
    assert "CloudWatch" in body("processors")
    assert "ops@example.eu is told by mail" in body("tia")
    assert "ops@example.eu" in body("data-inventory")
    choose(without=["monitoring"])
    assert "monitoring." not in text("third-parties")
    for key in KINDS:
        assert "CloudWatch" not in body(key), key
        # Without alarms nobody is told of any.
        assert "ops@example.eu" not in text(key), key


def test_figures_are_not_sent_beside_a_stand_in_for_other_services(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS = {"s3": "http://minio:9000"}
    assert "monitoring." not in text("third-parties")


def test_schedules_stand_with_hosts_and_services() -> None:
    assert "events.eu-central-1" not in text("third-parties")
    assert "EventBridge" not in body("processors")
    choose(schedules=[WEEKLY])
    assert "| events.eu-central-1.amazonaws.com |" in text("third-parties")
    assert "EventBridge" in body("processors")


def test_tenant_and_pool_stand_where_mail_is_sent() -> None:
    choose(tenant="books", ip_pool="ours")
    said = "sends, through the tenant books, from the dedicated addresses of the pool ours; keeps a list"
    assert said in body("processors")
    choose(tenant="books", tenant_goes=True)
    assert "through the tenant" not in body("processors")


class TestTrackingDomain:
    NAMED = ("ropa", "dpia", "tia", "processors", "privacy-notice", "third-parties")

    @pytest.mark.parametrize("key", NAMED)
    def test_its_host_is_a_recipient_where_amazon_counts(self, key: str) -> None:
        assert "t.example.eu" not in body(key)
        choose(tracking_domain="t.example.eu")
        assert "t.example.eu" in body(key)
        installation.update(actor=None, tracking_carrier="own")
        assert "t.example.eu" not in body(key)
        # Links of mail from the time when Amazon counted still lead there.
        make_run()
        assert "t.example.eu" in body(key)

    def test_readers_reach_it_first(self) -> None:
        choose(tracking_domain="t.example.eu")
        said = body("third-parties")
        assert "t.example.eu, which passes on to r.eu-central-1.awstrack.me: pixel and redirect" in said
        assert "in any mail from before t.example.eu was set up" in said
        assert "Amazon Web Services by way of t.example.eu do this" in body("privacy-notice")

    def test_who_runs_it_is_asked_where_there_is_one(self) -> None:
        for key in KINDS:
            assert not any("tracking domain" in gap for gap in papers.draft(key).paper.gaps), key
        papers.answer(given={"tracking_host": "Bunny, Ljubljana, contract of 2026-03-01"}, actor=None)
        assert "Bunny" not in text("processors")
        choose(tracking_domain="t.example.eu")
        for key in set(self.NAMED) - {"dpia"}:
            assert "Bunny, Ljubljana" in body(key), key
        papers.answer(given={"tracking_host": ""}, actor=None)
        assert any(
            "who runs the host of the tracking domain" in gap for gap in papers.draft("tia").paper.gaps
        )


class TestWhereAnSmtpServerSends:
    @pytest.fixture(autouse=True)
    def _smtp(self, settings: Settings) -> None:
        settings.SMTP_URL, settings.SMTP_PASSWORD = "smtp://news@mail.example.eu:587", "word"
        choose(tenant="books", ip_pool="ours", tracking_domain="t.example.eu", schedules=[WEEKLY])

    def test_no_paper_says_that_mail_passes_what_ses_has(self) -> None:
        for key in KINDS:
            said = body(key)
            for words in ("tenant books", "pool ours", "t.example.eu", "awstrack"):
                assert words not in said, (key, words)

    def test_what_amazon_still_does_is_said(self) -> None:
        assert "gets figures of this site each minute (CloudWatch)" in body("ropa")
        assert "tells ops@example.eu of alarms" in body("processors")
        assert "EventBridge" in body("tia")
        assert "| monitoring.eu-central-1.amazonaws.com |" in text("third-parties")

    def test_an_account_that_was_left_is_not_amazons_any_more(self) -> None:
        installation.update(actor=None, provisioning={}, account_id="")
        assert "Amazon Web Services" not in body("processors")
        assert "monitoring." not in text("third-parties")


def test_beside_the_sandbox_nobody_at_amazon_is_told(settings: Settings) -> None:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(("sesv2", "sns", "cloudwatch"), "http://127.0.0.1:1")
    installation.update(actor=None, account_id="")
    assert "ops@example.eu" not in body("data-inventory")
    assert "monitoring." not in text("third-parties")
