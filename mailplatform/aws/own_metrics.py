"""Figures of this installation as CloudWatch metrics, for the dashboard that provisioning makes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from collections.abc import Mapping

from .provision.dashboard import NAMESPACE
from .session import Connection, client
from .steps import plain_errors


@plain_errors()
def put(connection: Connection, prefix: str, figures: Mapping[str, float]) -> None:
    """Report gauges by name; `prefix` tells installations of one account apart. Raises steps.AwsCallError."""
    dimensions = [{"Name": "Installation", "Value": prefix}]
    data = [{"MetricName": name, "Value": value, "Dimensions": dimensions} for name, value in figures.items()]
    client(connection, "cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data)
