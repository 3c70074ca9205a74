"""Where a bucket really is; moto stands in for S3."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from mailplatform.aws import buckets, session
from mailplatform.aws.checkup import Finding, Level


@pytest.fixture(autouse=True)
def amazon() -> Iterator[None]:
    session._client.cache_clear()
    with mock_aws():
        yield
    session._client.cache_clear()


def look(made_in: str, *, set_to: str = "eu-central-1") -> Finding:
    api = boto3.client("s3", region_name=made_in)
    api.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": made_in})
    return buckets.examine(session.Connection(region=set_to), "uploads", "S3_BUCKET")


def test_a_bucket_where_it_should_be() -> None:
    assert look("eu-central-1") == Finding(Level.OK, "Bucket uploads", "in eu-central-1")


def test_a_bucket_outside_the_eea_is_an_error_whatever_the_setting_says() -> None:
    found = look("us-west-2")
    assert found.level is Level.ERROR
    assert found.detail.startswith("The Region of the bucket in S3_BUCKET is 'us-west-2'")


def test_a_bucket_in_another_region_of_the_eea() -> None:
    found = look("eu-west-1")
    assert found.level is Level.WARNING
    assert found.detail.endswith("set S3_REGION=eu-west-1")


def test_a_bucket_that_is_not_there() -> None:
    found = buckets.examine(session.Connection(region="eu-central-1"), "nothing", "S3_BUCKET")
    assert found.level is Level.ERROR
    assert "HeadBucket" in found.detail
