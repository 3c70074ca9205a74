"""What goes wrong at Amazon in the middle of a campaign, with the sandbox as witness."""

from collections import Counter

import pytest

from campaigns.models import Run
from campaigns.sending import drain, repair, states
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import templates
from mailplatform.sandbox.constants import ACCOUNT_ID
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import (
    addresses,
    give_tenant,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)

# Over real HTTP.
pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]
PEOPLE = 6


@pytest.fixture
def run(sandbox: RunningSandbox) -> Run:
    audience = make_list()
    make_people(PEOPLE, audience)
    run = make_run(audience)
    store_template(run)
    return run


def _remove(run: Run) -> None:
    templates.remove(installation.aws_connection(), run.template_version.ses_name)


def _drain(run: Run) -> bool:
    more = drain.drain(run.pk, seconds=10)
    run.refresh_from_db()
    return more


def test_a_template_deleted_behind_our_back_is_stored_again_and_sending_goes_on(
    sandbox: RunningSandbox, run: Run
) -> None:
    _remove(run)
    assert _drain(run) is True
    assert (run.state, states_of(run)) == ("sending", Counter())
    _drain(run)
    assert (run.state, states_of(run)) == ("sent", {"accepted": PEOPLE})
    assert set(mailbox(sandbox, run).values()) == {1}


def test_a_template_that_is_there_and_not_found_pauses(run: Run) -> None:
    type(run.template_version).objects.update(stored_at=None)
    assert repair.mend(run.pk, {"TEMPLATE_NOT_FOUND: words"}) is False


@pytest.mark.parametrize(
    "reasons",
    [set(), {"AccountSuspendedException"}, {"NotFoundException: x", "ACCOUNT_SUSPENDED"}],
)
def test_only_a_missing_template_is_mended(run: Run, reasons: set[str]) -> None:
    _remove(run)
    assert repair.mend(run.pk, reasons) is False
    assert not templates.is_stored(installation.aws_connection(), run.template_version.ses_name)


def test_a_template_that_ses_does_not_take_pauses(run: Run) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.conf.settings.AWS_ENDPOINT_URLS", {"sesv2": "http://127.0.0.1:9"})
        assert repair.mend(run.pk, {"NotFoundException: Template x does not exist"}) is False


def _choose_tenant(name: str) -> None:
    # The sandbox's account, as provisioning writes it down.
    installation.update(actor=None, account_id=ACCOUNT_ID, provisioning={"tenant": name})


def test_a_tenant_made_after_the_template_was_stored_gets_it_and_sending_goes_on(
    sandbox: RunningSandbox, run: Run
) -> None:
    give_tenant(sandbox, "shop")
    _choose_tenant("shop")
    assert _drain(run) is True
    assert (run.state, states_of(run)) == ("sending", Counter())
    _drain(run)
    assert (run.state, states_of(run)) == ("sent", {"accepted": PEOPLE})
    assert set(mailbox(sandbox, run).values()) == {1}


def test_a_tenant_without_the_senders_domain_pauses_with_amazons_words(
    sandbox: RunningSandbox, run: Run
) -> None:
    sandbox.client("sesv2").create_tenant(TenantName="shop")
    _choose_tenant("shop")
    _drain(run)
    assert (run.state, run.paused_by, states_of(run)) == ("paused", "account", Counter())
    assert "Tenant not associated with resources" in run.pause_reason
    assert "identity/example.com" in run.pause_reason


GONE = "NotFoundException: Tenant old for AwsAccountId 123456789012 not found."
NOT_ITS = "AccessDeniedException: Tenant not associated with resources [arn:x:identity/example.com]."


@pytest.mark.parametrize(
    ("reasons", "sent_as", "goes_on"),
    [
        ({GONE, NOT_ITS}, "old", True),
        ({GONE}, "new", False),
        ({NOT_ITS}, "new", False),
        ({NOT_ITS}, None, False),
        ({GONE, "AccountSuspendedException"}, "old", False),
    ],
)
def test_whoever_named_a_tenant_that_was_changed_since_reads_the_settings_again(
    sandbox: RunningSandbox, run: Run, reasons: set[str], sent_as: str | None, goes_on: bool
) -> None:
    type(run.template_version).objects.update(stored_at=None)
    _choose_tenant("new")
    assert repair.mend(run.pk, reasons, sent_as=sent_as) is goes_on


def test_a_paused_configuration_set_pauses_the_run_with_the_reason(sandbox: RunningSandbox, run: Run) -> None:
    client = sandbox.client("sesv2")
    _set_sending(client, enabled=False)
    _drain(run)
    assert (run.state, run.paused_by, states_of(run)) == ("paused", "account", Counter())
    assert "mailplatform-none" in run.pause_reason
    _set_sending(client, enabled=True)
    states.resume(run.pk)
    _drain(run)
    assert (run.state, states_of(run)) == ("sent", {"accepted": PEOPLE})


def test_a_configuration_set_that_is_gone_pauses_the_run(sandbox: RunningSandbox, run: Run) -> None:
    sandbox.client("sesv2").delete_configuration_set(ConfigurationSetName="mailplatform-none")
    type(run.template_version).objects.update(stored_at=None)
    _drain(run)
    assert (run.state, run.paused_by, states_of(run)) == ("paused", "account", Counter())
    assert "mailplatform-none" in run.pause_reason


def test_an_account_suspended_in_the_middle_pauses_the_run_and_loses_nobody(
    sandbox: RunningSandbox, site: Installation
) -> None:
    audience = make_list()
    people = make_people(130, audience)
    run = make_run(audience)
    store_template(run)
    sandbox.api.put(
        "misbehave",
        entries=[{"to": people[120].email, "status": "ACCOUNT_SUSPENDED", "times": 1, "share": 1}],
    )
    _drain(run)
    assert (run.state, run.paused_by) == ("paused", "account")
    assert "ACCOUNT_SUSPENDED" in run.pause_reason
    assert set(states_of(run)) == {"accepted"}
    states.resume(run.pk)
    _drain(run)
    assert (run.state, states_of(run)) == ("sent", {"accepted": 130})
    assert mailbox(sandbox, run) == addresses(people)


def _set_sending(client: object, *, enabled: bool) -> None:
    client.put_configuration_set_sending_options(  # type: ignore[attr-defined]
        ConfigurationSetName="mailplatform-none", SendingEnabled=enabled
    )
