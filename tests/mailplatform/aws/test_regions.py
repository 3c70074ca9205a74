"""What may carry personal data, and what is refused in one sentence."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from mailplatform.aws import regions, session
from mailplatform.aws.session import Connection

SERVICES = ["sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events", "scheduler"]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        regions.EXCEPTIONS_VARIABLE,
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize("region", sorted(regions.EEA_REGIONS))
def test_the_eea_is_allowed(region: str) -> None:
    assert regions.region_problem(region, "AWS_REGION") is None


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-2", "eu-central-2", "", "EU-CENTRAL-1", "eu-isoe-west-1"]
)
def test_elsewhere_is_refused_by_name(region: str) -> None:
    said = regions.region_problem(region, "S3_REGION")
    assert said is not None
    assert said.startswith(f"S3_REGION is {region!r}")
    assert "EEA_EXCEPTIONS" in said


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4579",
        "http://[::1]:4579",
        "http://sandbox:4579",
        "http://10.0.0.7:9000",
        "https://minio.internal",
        "https://email.eu-central-1.amazonaws.com",
        "https://email.eu-central-1.api.aws",
        "https://s3-eu-west-1.amazonaws.com",
        "https://vpce-0a1b.email.eu-west-3.vpce.amazonaws.com",
        "https://email.eusc-de-east-1.amazonaws.eu",
    ],
)
def test_addresses_inside(url: str) -> None:
    assert regions.endpoint_problem(url, "AWS_ENDPOINT_URL") is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://email.us-east-1.amazonaws.com", "us-east-1, which is outside"),
        ("https://email.eu-west-2.amazonaws.com", "eu-west-2, which is outside"),
        ("https://eu-central-1.s3.us-west-2.amazonaws.com", "us-west-2, which is outside"),
        ("https://email.us-gov-west-1.amazonaws.com", "us-gov-west-1, which is outside"),
        ("https://sts.amazonaws.com", "global or multi-region endpoint"),
        ("https://abc.endpoints.email.amazonaws.com", "global or multi-region endpoint"),
        ("https://abc.endpoints.email.global.api.aws", "global or multi-region endpoint"),
        ("https://eu-central-1.example.com", "nothing says"),
        ("https://email.eu-central-1.amazonaws.com.example.com", "nothing says"),
        ("https://8.8.8.8", "nothing says"),
        ("https://134744072", "nothing says"),
        ("nonsense", "is 'nonsense'"),
    ],
)
def test_addresses_outside(url: str, words: str) -> None:
    said = regions.endpoint_problem(url, "AWS_ENDPOINT_URL")
    assert said is not None
    assert words in said
    assert said.endswith("in EEA_EXCEPTIONS.")


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_that_is_set_apart_is_looked_at(service: str) -> None:
    found = regions.problems(regions={}, configured={service: f"https://{service}.us-east-1.amazonaws.com"})
    assert len(found) == 1
    assert found[0].startswith(f"AWS_ENDPOINT_URL_{service.upper()} points to")


def test_exceptions_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EEA_EXCEPTIONS", "eu-west-2, Store.example.com")
    assert regions.region_problem("eu-west-2", "AWS_REGION") is None
    assert regions.endpoint_problem("https://sns.eu-west-2.amazonaws.com", "X") is None
    assert regions.endpoint_problem("https://store.example.com", "X") is None
    assert regions.region_problem("us-east-1", "AWS_REGION") is not None
    assert regions.endpoint_problem("https://other.example.com", "X") is not None


def test_variables_that_only_botocore_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", "https://events.us-east-1.amazonaws.com")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3_FILE", "/run/secrets/endpoint")
    found = regions.problems(regions={}, configured={})
    assert [text.split()[0] for text in found] == ["AWS_ENDPOINT_URL_EVENTBRIDGE"]


def test_the_shared_configuration_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        "[default]\nendpoint_url = https://sts.amazonaws.com\nservices = ours\n"
        "[services ours]\ns3 =\n  endpoint_url = https://s3.us-east-2.amazonaws.com\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    found = regions.problems(regions={}, configured={})
    assert len(found) == 2
    assert "s3.us-east-2.amazonaws.com" in found[1]
    assert "sts.amazonaws.com" in found[0]


def test_a_profile_that_does_not_exist_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert regions.problems(regions={}, configured={}) == []


def test_the_global_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    assert "United States" in regions.problems(regions={}, configured={})[0]
    monkeypatch.setenv("EEA_EXCEPTIONS", "sts.amazonaws.com")
    assert regions.problems(regions={}, configured={}) == []


class NotSent(Exception):
    """The address to which a call would have gone."""


def _caught(request: Any, **_: Any) -> None:
    raise NotSent(request.url)


class TestConfigurationFile:
    """What is chosen there without an endpoint's name, as botocore itself reads it."""

    @pytest.fixture(autouse=True)
    def _file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "config"
        file.write_text(
            "[default]\nregion = eu-central-1\n"
            "[profile old]\nsts_regional_endpoints = legacy\n"
            "[profile fast]\ns3 =\n  use_accelerate_endpoint = true\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))

    def host(self, service: str) -> str:
        """Where a client of ours would send a call."""
        made = session.client(
            Connection("eu-central-1", uuid4().hex, "secret"), service
        )  # a kept one is older
        made.meta.events.register("before-send", _caught)
        with pytest.raises(NotSent) as caught:
            made.get_caller_identity() if service == "sts" else made.head_object(Bucket="files", Key="a")
        return urlsplit(str(caught.value)).hostname or ""

    def test_the_profile_in_use_counts(self) -> None:
        assert regions.problems(regions={}, configured={}) == []
        assert self.host("sts") == "sts.eu-central-1.amazonaws.com"
        assert self.host("s3") == "files.s3.eu-central-1.amazonaws.com"

    def test_the_global_sign_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "old")
        assert self.host("sts") == "sts.amazonaws.com"
        (said,) = regions.problems(regions={}, configured={})
        assert said.startswith("sts_regional_endpoints in the AWS configuration file is 'legacy'")
        monkeypatch.setenv("EEA_EXCEPTIONS", "sts.amazonaws.com")
        assert regions.problems(regions={}, configured={}) == []

    def test_the_variable_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "old")
        monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "regional")
        assert self.host("sts") == "sts.eu-central-1.amazonaws.com"
        assert regions.problems(regions={}, configured={}) == []

    def test_accelerated_buckets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "fast")
        assert self.host("s3") == "files.s3-accelerate.amazonaws.com"
        (said,) = regions.problems(regions={}, configured={})
        assert said.startswith("use_accelerate_endpoint of s3")
        monkeypatch.setenv("EEA_EXCEPTIONS", "s3-accelerate.amazonaws.com")
        assert regions.problems(regions={}, configured={}) == []


@pytest.mark.parametrize("bucket", ["mp-files-123456789012", "a.b-c", "abc"])
def test_plain_names_of_buckets(bucket: str) -> None:
    assert regions.bucket_problem(bucket, "S3_BUCKET") is None


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:us-east-1:123456789012:accesspoint/foo",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
        "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/accesspoint/foo",
        "https://files.s3.us-east-1.amazonaws.com",
        "files/uploads",
        "Files",
        "ab",
    ],
)
def test_what_is_no_name_of_a_bucket(bucket: str) -> None:
    (said,) = regions.problems(regions={}, configured={}, buckets={"S3_BUCKET": bucket})
    assert said.startswith(f"S3_BUCKET is {bucket!r}, which is not the plain name of a bucket")
