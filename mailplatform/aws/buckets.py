"""Where a bucket really is. The setting names its Region, but Amazon follows a bucket to wherever it was made."""

from .checkup import Finding, Level
from .regions import region_problem
from .session import Connection, client
from .steps import AwsCallError, plain_errors


def examine(connection: Connection, bucket: str, setting: str) -> Finding:
    """Ask Amazon for the Region of the bucket that `setting` names, and judge it."""
    subject = f"Bucket {bucket}"
    try:
        with plain_errors():
            answer = client(connection, "s3").head_bucket(Bucket=bucket)
    except AwsCallError as error:
        return Finding(Level.ERROR, subject, str(error))
    region = str(answer.get("BucketRegion") or "")
    if problem := region_problem(region, f"The Region of the bucket in {setting}"):
        return Finding(Level.ERROR, subject, problem)
    if region != connection.region:
        return Finding(
            Level.WARNING, subject, f"is in {region}, not in {connection.region}: set S3_REGION={region}"
        )
    return Finding(Level.OK, subject, f"in {region}")
