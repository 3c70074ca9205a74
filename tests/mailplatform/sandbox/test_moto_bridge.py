"""The services that moto answers, on the same port."""

import pytest
import urllib3
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox


def test_s3_keeps_objects_with_odd_names(sbx: RunningSandbox) -> None:
    s3 = sbx.client("s3")
    s3.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    name = "a b/ü+%2F.csv"
    s3.put_object(
        Bucket="exports", Key=name, Body=b"x" * 100_000, ContentType="text/csv", Metadata={"my_key": "v"}
    )
    found = s3.get_object(Bucket="exports", Key=name)
    assert found["Body"].read() == b"x" * 100_000
    assert found["ContentType"] == "text/csv"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="exports")["Contents"]] == [name]


def test_a_presigned_address_works(sbx: RunningSandbox) -> None:
    s3 = sbx.client("s3")
    s3.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="exports", Key="k", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "exports", "Key": "k"})
    assert urllib3.request("GET", url).data == b"content"


def test_sqs_cloudwatch_events_scheduler_and_sts_answer(sbx: RunningSandbox) -> None:
    url = sbx.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    sbx.client("sqs").send_message(QueueUrl=url, MessageBody="hi")
    assert sbx.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hi"
    sbx.client("cloudwatch").put_metric_data(Namespace="x", MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert sbx.client("events").put_rule(Name="r", ScheduleExpression="rate(7 days)")["RuleArn"]
    assert sbx.client("scheduler").list_schedules()["Schedules"] == []
    assert sbx.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_a_reset_empties_them_too(sbx: RunningSandbox) -> None:
    url = sbx.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    sbx.reset()
    with pytest.raises(ClientError, match="NonExistentQueue"):
        sbx.client("sqs").receive_message(QueueUrl=url)
