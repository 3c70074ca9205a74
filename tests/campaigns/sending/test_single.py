"""One mail to one person, through the same ledger."""

from typing import Any

import pytest
import redis

from campaigns.models import Call, CallKind, Delivery
from campaigns.sending import clients, limiter, single
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, session
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import give_tenant

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST: dict[str, Any] = {
    "FromEmailAddress": "News <news@example.com>",
    "Destination": {"ToAddresses": ["ada@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hallo"}}}},
    "ConfigurationSetName": "mailplatform-none",
}


def test_a_test_mail_has_a_call_and_no_delivery(sandbox: RunningSandbox) -> None:
    message_id = single.send(request=REQUEST)
    (mail,) = sandbox.messages()
    assert mail["id"] == message_id
    call = Call.objects.get()
    assert (call.kind, call.state, call.run_id, call.subscriber_ids) == ("test", "recorded", None, [])
    assert Delivery.objects.count() == 0


def test_a_lost_answer_is_not_repeated(sandbox: RunningSandbox) -> None:
    sandbox.api.put("misbehave", accept_and_drop={"share": 1})
    with pytest.raises(errors.LostAnswerError):
        single.send(request=REQUEST, kind=CallKind.ACCOUNT)
    assert len(sandbox.messages()) == 1
    call = Call.objects.get()
    assert (call.kind, call.state) == ("account", "lost")


def test_a_throttle_is_repeated(sandbox: RunningSandbox) -> None:
    sandbox.api.put("misbehave", throttle={"share": 1, "times": 1})
    single.send(request=REQUEST)
    assert len(sandbox.messages()) == 1
    assert set(Call.objects.values_list("state", flat=True)) == {"recorded"}
    assert Call.objects.exclude(error="").count() == 1


def test_a_refusal_is_told(sandbox: RunningSandbox) -> None:
    with pytest.raises(errors.RefusedCallError, match="does not exist"):
        single.send(request={**REQUEST, "ConfigurationSetName": "unknown"})


def test_it_goes_out_through_the_tenant_that_provisioning_made(sandbox: RunningSandbox) -> None:
    installation.update(actor=None, provisioning={"tenant": "shop"})
    with pytest.raises(errors.RefusedCallError, match="Tenant shop for AwsAccountId 123456789012 not found"):
        single.send(request=REQUEST)
    give_tenant(sandbox, "shop")
    assert single.send(request=REQUEST)
    assert "TenantName" not in REQUEST


def test_an_account_that_may_not_send_is_told(sandbox: RunningSandbox) -> None:
    installation.update(actor=None, sending_enabled=False)
    with pytest.raises(errors.RefusedCallError, match="switched off"):
        single.send(request=REQUEST)
    assert Call.objects.count() == 0


def test_without_a_token_in_time_nothing_is_sent(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "PATIENCE_S", 0.0)
    installation.update(actor=None, max_send_rate=0.01)
    with pytest.raises(single.NotSentNowError, match="rate"):
        single.send(request=REQUEST)
    assert sandbox.messages() == []


def test_without_redis_nothing_is_sent(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = limiter.Limiter(redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None))
    monkeypatch.setattr(clients, "rate_limiter", lambda: nowhere)
    with pytest.raises(single.NotSentNowError, match="Redis"):
        single.send(request=REQUEST)


def test_a_region_outside_the_eea_is_told(site: Installation) -> None:
    installation.update(actor=None, region="us-east-1")
    with pytest.raises(session.AwsConfigurationError):
        single.send(request=REQUEST)
