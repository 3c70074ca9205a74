"""Files in S3 that nobody can change or delete for a while, and what can go wrong with files there."""

import datetime as dt
from functools import cached_property
from typing import Any, Final

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from mailplatform.core import clock

# Whatever a storage may raise, on this machine or at Amazon.
STORAGE_ERRORS: Final = (OSError, Boto3Error, BotoCoreError, ClientError)
_NO_LOCK: Final = frozenset({"ObjectLockConfigurationNotFoundError", "NotImplemented", "InvalidRequest"})


class LockedStorage(S3Storage):  # type: ignore[misc] # django-storages has no types
    """Gives each file a retention where the bucket has Object Lock; elsewhere it is a plain bucket.

    Options besides those of django-storages: `lock_mode` (GOVERNANCE or COMPLIANCE) and `lock_days`.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
    """

    lock_mode: str
    lock_days: int

    def get_default_settings(self) -> dict[str, Any]:
        """Return the defaults of django-storages and ours."""
        return {**super().get_default_settings(), "lock_mode": "GOVERNANCE", "lock_days": 1_095}

    @cached_property
    def is_locked(self) -> bool:
        """Whether the bucket has Object Lock. Raises one of STORAGE_ERRORS where that cannot be asked."""
        try:
            answer = self.connection.meta.client.get_object_lock_configuration(Bucket=self.bucket_name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NO_LOCK:
                return False
            raise
        return bool(answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """Return the headers of a new file."""
        found: dict[str, Any] = dict(super().get_object_parameters(name))
        if self.is_locked:
            until = clock.now() + dt.timedelta(days=self.lock_days)
            found |= {"ObjectLockMode": self.lock_mode, "ObjectLockRetainUntilDate": until}
        return found
