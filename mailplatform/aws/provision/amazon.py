"""The one door through which provisioning calls Amazon: paces, and tells "not there" from other refusals."""

from functools import cached_property
from typing import Any, Final

from botocore.exceptions import ClientError

from ..control import wait_turn
from ..regions import partition
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
    """Calls by service and operation. Where one service has a stand-in, no other may reach Amazon."""

    def __init__(self, connection: Connection) -> None:
        check_region(connection.region)
        self.connection = connection
        self.region = connection.region

    @cached_property
    def account_id(self) -> str:
        """The account that the keys belong to."""
        return account_id(self.connection)

    def arn(self, service: str, name: str) -> str:
        """Return the ARN of a resource of this account."""
        return f"arn:{partition(self.region)}:{service}:{self.region}:{self.account_id}:{name}"

    def answers(self, service: str) -> bool:
        """Whether a service may be called: with a stand-in for some, the others are out of reach."""
        urls = self.connection.endpoint_urls
        return not urls or service in urls

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation. Raises botocore's errors."""
        if not self.answers(service):
            raise AwsConfigurationError(
                f"AWS_ENDPOINT_URL_{service.upper()} is not set, though other services have a stand-in."
            )
        if service == "sesv2":
            wait_turn(self.connection, patience=PATIENCE_SECONDS)
        answer: dict[str, Any] = getattr(client(self.connection, service), operation)(**parameters)
        return answer

    def look(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Call an operation that reads; None when there is no such thing."""
        try:
            return self.call(service, operation, **parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NOT_THERE:
                return None
            raise
