"""The one door through which provisioning calls Amazon: paces, and tells "not there" from other refusals."""

from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from botocore.exceptions import ClientError

from ..control import wait_turn
from ..regions import is_amazon, partition
from ..session import AwsConfigurationError, Connection, account_id, check_region, client

PATIENCE_SECONDS: Final = 60.0
NOT_THERE: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NotFound",
        "NotFoundException",
        "ObjectLockConfigurationNotFoundError",
        "OwnershipControlsNotFoundError",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)


class Amazon:
    """Calls by service and operation. Where SES or SNS has a stand-in, no other service may reach Amazon."""

    def __init__(self, connection: Connection, *, buckets_region: str = "") -> None:
        check_region(connection.region)
        self.connection = connection
        self.region = connection.region
        self._buckets = connection
        if buckets_region and not self.has_own_storage:
            self._buckets = replace(connection, region=check_region(buckets_region))

    @cached_property
    def account_id(self) -> str:
        """The account that the keys belong to."""
        return account_id(self.connection)

    def arn(self, service: str, name: str) -> str:
        """Return the ARN of a resource of this account."""
        return f"arn:{partition(self.region)}:{service}:{self.region}:{self.account_id}:{name}"

    @property
    def has_stand_in(self) -> bool:
        """Whether something else than Amazon takes mail or events."""
        urls = self.connection.endpoint_urls
        return any(name in urls and not is_amazon(urls[name]) for name in ("sesv2", "sns"))

    @property
    def has_own_storage(self) -> bool:
        """Whether files alone are kept elsewhere, in a storage that speaks S3."""
        url = self.connection.endpoint_urls.get("s3", "")
        return bool(url) and not is_amazon(url) and not self.has_stand_in

    def answers(self, service: str) -> bool:
        """Whether a service may be called: beside a stand-in, what has none is out of reach."""
        return service in self.connection.endpoint_urls or not self.has_stand_in

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation. Raises botocore's errors."""
        if not self.answers(service):
            raise AwsConfigurationError(
                f"AWS_ENDPOINT_URL_{service.upper()} is not set, though other services have a stand-in."
            )
        if service == "sesv2":
            wait_turn(self.connection, patience=PATIENCE_SECONDS)
        connection = self._buckets if service == "s3" else self.connection
        answer: dict[str, Any] = getattr(client(connection, service), operation)(**parameters)
        return answer

    def look(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Call an operation that reads; None when there is no such thing."""
        try:
            return self.call(service, operation, **parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NOT_THERE:
                return None
            raise
