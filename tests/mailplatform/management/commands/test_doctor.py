from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mailplatform.accounts.services import installation
from mailplatform.aws.checkup import Level
from mailplatform.management.commands import doctor
from mailplatform.sandbox.testing import RunningSandbox

# Each provisions a whole account first.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def provisioned(sandbox: RunningSandbox, site: object) -> RunningSandbox:
    call_command("provision", "--identity", "example.eu", stdout=StringIO())
    return sandbox


def levels() -> dict[str, Level]:
    return {finding.subject: finding.level for finding in doctor.examine()}


def test_a_healthy_site_misses_only_its_worker(provisioned: RunningSandbox) -> None:
    found = levels()
    assert {subject for subject, level in found.items() if level is Level.ERROR} == {"Workers"}
    assert {"Database role", "Tables", "Redis", "Public address", "SES account", "SNS topic"} <= set(found)
    assert sum(subject.startswith("Configuration set ") for subject in found) == 4


def test_every_finding_is_a_line_and_an_error_fails_the_command(provisioned: RunningSandbox) -> None:
    output = StringIO()
    with pytest.raises(CommandError, match="1 thing must be mended"):
        call_command("doctor", stdout=output)
    assert "ERROR    Workers: none answers: nothing is sent" in output.getvalue().splitlines()


def test_before_provisioning_it_says_so(sandbox: RunningSandbox) -> None:
    assert levels()["Provisioning"] is Level.ERROR


def test_a_lost_subscription_is_an_error(provisioned: RunningSandbox, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    found = levels()
    assert found["SNS subscription"] is Level.ERROR
    assert found["Public address"] is Level.ERROR


def test_a_plain_public_address_is_an_error_beside_a_real_account(settings: Any) -> None:
    settings.PUBLIC_URL, settings.AWS_ENDPOINT_URLS = "http://mail.example.eu", {}
    assert doctor.public_address().level is Level.ERROR


def test_a_ledger_key_that_others_may_read_is_an_error(settings: Any, tmp_path: Path) -> None:
    key = tmp_path / "ledger.pem"
    key.touch(mode=0o644)
    key.chmod(0o644)
    settings.LEDGER_KEY_FILE = str(key)
    found = doctor.keys()
    assert {finding.subject: finding.level for finding in found}["Ledger key"] is Level.ERROR


def test_a_redis_that_is_away_is_an_error(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    assert [finding.level for finding in doctor.services()] == [Level.ERROR]


def test_another_account_than_the_provisioned_is_an_error(provisioned: RunningSandbox) -> None:
    installation.update(actor=None, account_id="999999999999")
    assert levels()["Amazon account"] is Level.ERROR
