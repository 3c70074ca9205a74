import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.services import account_choices, provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws import session
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.accounts import AdminFactory
from tests.factories.aws import SERVICES, WEEKLY

GUIDE = Path(__file__).parents[4] / "docs" / "aws-setup.md"
DAILY = "daily=rate(1 day)=event:price-list"
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


@pytest.mark.usefixtures("site")
def test_since_when_a_schedule_is_there_is_known(sandbox: RunningSandbox, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = settings.AWS_ENDPOINT_URLS | {"events": sandbox.url}
    weekly = ("--no-subscribe", "--schedule", f"weekly={WEEKLY.expression}=event:price-list")
    run(*weekly)
    first = installation.get().provisioning["since"]
    assert first.keys() == {"weekly"}
    run(*weekly)
    assert installation.get().provisioning["since"] == first
    sandbox.client("events").disable_rule(Name="mailplatform-weekly")
    run(*weekly)
    mended = installation.get().provisioning["since"]
    assert mended["weekly"] > first["weekly"]
    run("--no-subscribe", "--schedule", f"weekly={WEEKLY.expression}=event:price-list", "--schedule", DAILY)
    both = installation.get().provisioning["since"]
    assert both["weekly"] == mended["weekly"] < both["daily"]


@pytest.mark.drill
@pytest.mark.usefixtures("site")
def test_every_command_of_the_recipes_table_works_on_the_sandbox(
    sandbox: RunningSandbox, settings: Any, tmp_path: Path
) -> None:
    """In the order of the table; what a person would fill in is filled in."""
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, sandbox.url)
    settings.LEDGER_KEY_FILE, settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "key"), str(tmp_path / "lines")
    installation.update(actor=None, sender_address="news@example.eu")
    table = GUIDE.read_text().partition("| step | here | shown by |")[2]
    lines = dict.fromkeys(re.findall(r"`manage\.py ([^`]+)`", table))
    printed: dict[str, str] = {}
    for line in lines:
        name, *arguments = shlex.split(line.replace("…", f"'weekly={WEEKLY.expression}=event:price-list'"))
        filled_in = {"--destroy": ["--yes"], "--live": ["--wait", "20"]}
        arguments += [more for given in arguments for more in filled_in.get(given, ())]
        output = StringIO()
        # Without workers the doctor has something to say, and does its work.
        with suppress(CommandError) if name == "doctor" else nullcontext():
            call_command(name, *arguments, stdout=output)
        printed[line] = output.getvalue()
    assert len(lines) >= 9
    assert all(printed.values())
    assert "CloudWatch alarm" in printed["provision --plan --json"]
    assert "created  EventBridge rule mailplatform-weekly" in printed["provision --apply --schedule …"]
    assert "OK       Live bounce" in printed["doctor --live"]
    assert "removed  configuration set mailplatform-none" in printed["provision --destroy"]


@pytest.mark.usefixtures("site")
def test_nobody_sends_through_a_tenant_that_is_being_removed(sandbox: RunningSandbox) -> None:
    run("--identity", "example.eu", "--tenant", "shop", "--no-subscribe")
    assert installation.get().tenant == "shop"
    with refusing("DeleteTenant"), pytest.raises(CommandError, match="Injected"):
        run("--tenant", "club", "--no-subscribe")
    # An apply that is cut off leaves it known, and the next one goes on.
    assert (installation.get().tenant, provisioning.wanted().tenant) == ("", "shop")
    lines = run("--tenant", "club", "--no-subscribe")
    assert any(line.startswith("removed") and line.endswith("tenant shop") for line in lines)
    assert installation.get().tenant == "club"
    assert list(dict(sandbox.sandbox.state.tenants.items())) == ["club"]


def test_what_was_chosen_on_the_page_is_meant_by_the_command_and_waits_no_longer(
    sandbox: RunningSandbox,
) -> None:
    chosen = {"identities": ("example.eu",), "tenant": "shop", "without": frozenset({"subscription"})}
    account_choices.save(actor=AdminFactory.create(), choices=chosen)
    assert any(line.endswith("tenant shop (priced by Amazon per tenant)") for line in run("--plan"))
    assert installation.get().account_choices is not None
    run("--apply")
    row = installation.get()
    assert (row.tenant, row.account_choices) == ("shop", None)
    # Chosen, never applied: destroy takes away what is there.
    account_choices.save(actor=AdminFactory.create(), choices={"tenant": "club"})
    assert "removed  tenant shop" in run("--destroy", "--yes")
    assert installation.get().account_choices is None


@contextmanager
def refusing(operation: str) -> Iterator[None]:
    """Let Amazon refuse an operation."""

    class Answer:
        status_code, headers = 400, dict[str, str]()

    def refuse(**_: Any) -> Any:
        return Answer(), {"Error": {"Code": "Injected", "Message": ""}, "ResponseMetadata": {}}

    events = session.client(installation.aws_connection(), "sesv2").meta.events
    events.register(f"before-call.sesv2.{operation}", refuse)
    try:
        yield
    finally:
        events.unregister(f"before-call.sesv2.{operation}", refuse)
