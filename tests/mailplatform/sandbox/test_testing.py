"""The helper that other tests use."""

import boto3
import pytest
import urllib3

from mailplatform.sandbox.testing import ApiFailedError, running_sandbox


def test_it_starts_on_a_free_port_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox(max_send_rate=3) as first, running_sandbox() as second:
        assert first.url != second.url
        for name, value in first.environment.items():
            monkeypatch.setenv(name, value)
        client = boto3.session.Session().client("sesv2")
        assert client.get_account()["SendQuota"]["MaxSendRate"] == 3.0
        client.close()
        url = first.url
        with pytest.raises(ApiFailedError, match="404"):
            first.api.get("nope")
    with pytest.raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", url, retries=False)


def test_quiet_is_waited_for_and_no_longer_than_asked() -> None:
    with running_sandbox(delivery_delay=60) as sbx:
        sbx.client("sesv2").create_email_identity(EmailIdentity="example.com")
        sbx.client("sesv2").send_email(
            FromEmailAddress="a@example.com",
            Destination={"ToAddresses": ["b@example.org"]},
            Content={"Simple": {"Subject": {"Data": "x"}, "Body": {"Text": {"Data": "x"}}}},
        )
        with pytest.raises(AssertionError, match="did not come to rest"):
            sbx.wait_quiet(0.1)
