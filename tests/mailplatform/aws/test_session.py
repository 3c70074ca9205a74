"""Region, endpoints and credentials."""

from typing import Any

import pytest

from mailplatform.aws import session


def _connection(**changes: Any) -> session.Connection:
    values: dict[str, Any] = {
        "region": "eu-central-1",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "secret",
    }
    return session.Connection(**(values | changes))


@pytest.mark.parametrize("region", ["eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1", "eu-south-1"])
def test_regions_in_the_eea(region: str) -> None:
    assert session.check_region(region) == region


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-2", "eu-central-2", "", "eu-central-1.evil.example"]
)
def test_regions_elsewhere_are_refused(region: str) -> None:
    with pytest.raises(session.AwsConfigurationError, match="European Economic Area"):
        session.check_region(region)


@pytest.mark.parametrize(
    ("service", "region", "url"),
    [
        ("sesv2", "eu-central-1", "https://email.eu-central-1.amazonaws.com"),
        ("sns", "eu-south-1", "https://sns.eu-south-1.amazonaws.com"),
        ("sesv2", "eusc-de-east-1", "https://email.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_default_endpoints_are_those_of_botocore(service: str, region: str, url: str) -> None:
    assert session.endpoint_url(_connection(region=region), service) == url


def test_a_configured_endpoint_wins_for_its_service_only() -> None:
    connection = _connection(endpoint_urls={"sesv2": "http://127.0.0.1:4579/"})
    assert session.endpoint_url(connection, "sesv2") == "http://127.0.0.1:4579"
    assert session.endpoint_url(connection, "sns") == "https://sns.eu-central-1.amazonaws.com"
    assert session.client(connection, "sesv2").meta.endpoint_url == "http://127.0.0.1:4579/"


def test_explicit_keys() -> None:
    found = session.credentials(_connection(session_token="token"))
    assert (found.access_key, found.secret_key, found.token) == ("AKIDEXAMPLE", "secret", "token")


def test_the_default_chain_is_used_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert session.credentials(_connection(access_key_id="", secret_access_key="")).access_key == "FROMENV"


def test_no_credentials_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(session.AwsConfigurationError, match="No AWS credentials"):
        session.credentials(_connection(access_key_id="", secret_access_key=""))


def test_half_a_key_is_refused() -> None:
    with pytest.raises(session.AwsConfigurationError, match="both"):
        session.boto3_session(_connection(secret_access_key=""))


def test_a_client_that_sends_never_retries() -> None:
    client = session.client(_connection(), "sesv2", sends=True)
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert session.client(_connection(), "sesv2").meta.config.retries["total_max_attempts"] > 1


LOCAL = {"sesv2": "http://127.0.0.1:4579", "sns": "http://localhost:4579", "sqs": "http://sandbox:4579"}


@pytest.mark.parametrize(
    ("endpoint_urls", "account_id", "expected"),
    [
        (LOCAL, "123456789012", True),
        (LOCAL | {"s3": "http://[::1]:4579"}, "", True),
        (LOCAL, "210987654321", False),
        ({}, "", False),
        ({"sesv2": "http://127.0.0.1:4579"}, "", False),
        (LOCAL | {"s3": "https://s3.eu-central-1.amazonaws.com"}, "", False),
        (LOCAL | {"sns": "http://sandbox.example:4579"}, "", False),
        (LOCAL | {"sns": "http://10.0.0.1:4579"}, "", False),
        (LOCAL | {"sns": "not a url"}, "", False),
    ],
)
def test_only_local_endpoints_and_its_own_account_are_the_sandbox(
    endpoint_urls: dict[str, str], account_id: str, expected: bool
) -> None:
    assert session.is_sandbox(endpoint_urls, account_id) is expected


def test_the_secret_is_not_printed() -> None:
    assert "secret" not in repr(_connection(session_token="secret"))


def test_an_operators_exception_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EEA_EXCEPTIONS", "eu-west-2")
    found = session.endpoint_url(_connection(region="eu-west-2"), "sesv2")
    assert found == "https://email.eu-west-2.amazonaws.com"
    with pytest.raises(session.AwsConfigurationError, match="European Economic Area"):
        session.check_region("us-east-1")


@pytest.mark.parametrize(
    ("url", "expected"), [("http://sandbox:4579", "http://sandbox:4579/shop/a"), ("", "https://shop.s3.")]
)
def test_a_stand_in_for_s3_is_asked_by_its_one_name(url: str, expected: str) -> None:
    connection = session.Connection("eu-central-1", "id", "secret", {"s3": url} if url else {})
    address = session.client(connection, "s3").generate_presigned_url(
        "get_object", {"Bucket": "shop", "Key": "a"}
    )
    assert address.startswith(expected)
