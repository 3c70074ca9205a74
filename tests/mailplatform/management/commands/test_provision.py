from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.services import provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.sandbox.testing import RunningSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("provision", *arguments, stdout=output)
    return output.getvalue().splitlines()


@pytest.mark.usefixtures("site")
def test_everything_is_made_once_and_written_down(sandbox: RunningSandbox) -> None:
    first = run("--identity", "example.eu")
    created = [line.split()[1:3] for line in first if line.startswith("created")]
    assert [" ".join(words) for words in created].count("configuration set") == 4
    assert first[-1].startswith("account 123456789012: 500 recipients a second, production")

    second = run("--identity", "example.eu")
    assert {line.split()[0] for line in second} == {"existed", "account"}

    row = installation.get()
    assert row.account_id == "123456789012"
    assert row.topic_arns == [f"arn:aws:sns:{sandbox.region}:123456789012:mailplatform-ses-events"]
    assert row.dead_letter_queue_url.endswith("/mailplatform-ses-events-dead")
    assert row.verified_identities == ["example.eu"]
    assert row.max_send_rate == 500
    assert AuditEntry.objects.filter(action="sns.subscribed").count() == 1


def test_a_site_that_does_not_run_is_said_in_one_line(sandbox: RunningSandbox, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    with pytest.raises(
        CommandError, match=r"http://127\.0\.0\.1:9/sns/events/ did not confirm .* Is the site running"
    ):
        run("--identity", "example.eu", "--wait", "0.2")
    # What was made is known, so that the site can confirm later.
    assert installation.get().topic_arns


def test_without_a_subscription_no_site_is_needed(sandbox: RunningSandbox, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    lines = run("--identity", "example.eu", "--no-subscribe")
    assert not any("subscription" in line for line in lines)


def test_wrong_keys_are_said_in_one_line(sandbox: RunningSandbox, settings: Any) -> None:
    settings.AWS_SECRET_ACCESS_KEY = "wrong"
    with pytest.raises(CommandError, match="Amazon refused"):
        run()
    assert installation.get().topic_arns == []


def test_a_region_outside_the_eea_is_refused(sandbox: RunningSandbox, settings: Any) -> None:
    settings.AWS_REGION = "us-east-1"
    with pytest.raises(CommandError, match="which is not an Amazon Region in the European Economic Area"):
        run()


@pytest.mark.parametrize(
    ("sender", "expected"),
    [("news@mail.example.eu", ("mail.example.eu",)), ("mailplatform@localhost", ()), ("", ())],
)
def test_the_default_identity_is_the_senders_domain(
    settings: Any, sender: str, expected: tuple[str, ...]
) -> None:
    settings.DEFAULT_FROM_EMAIL = "mailplatform@localhost"
    row = installation.update(actor=None, sender_address=sender)
    assert provisioning.default_identities(row) == expected
