"""Buckets: private, encrypted, versioned, only over TLS, tidied up; with Object Lock where it is asked for.

https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
"""

from typing import Any, Final

from botocore.exceptions import ClientError

from .amazon import Amazon
from .message_kinds import merged_policy, statements_of
from .model import TAG, Fixed, Found, Kept, Resource, as_map, is_tagged

S3: Final = "s3"


class BucketKind:
    """A bucket. Ours by its tag."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return every group of settings; a bucket of another account is a refusal of Amazon."""
        name = resource.name
        head = amazon.look(S3, "head_bucket", Bucket=name, ExpectedBucketOwner=amazon.account_id)
        if head is None:
            return None
        tags = as_map(_part(amazon, "get_bucket_tagging", name).get("TagSet"))
        rules = _part(amazon, "get_bucket_lifecycle_configuration", name).get("Rules") or []
        found = {
            "Region": head.get("BucketRegion"),
            "Tags": tags,
            "PublicAccessBlock": _part(amazon, "get_public_access_block", name).get(
                "PublicAccessBlockConfiguration"
            ),
            "Ownership": _ownership(_part(amazon, "get_bucket_ownership_controls", name)),
            "Encryption": _encryption(_part(amazon, "get_bucket_encryption", name)),
            "Versioning": _part(amazon, "get_bucket_versioning", name).get("Status"),
            "Lifecycle": {rule["ID"]: rule for rule in rules},
            "Statements": statements_of(_part(amazon, "get_bucket_policy", name).get("Policy", "")),
            "ObjectLock": _lock(_part(amazon, "get_object_lock_configuration", name)),
        }
        return Found(found, is_tagged(tags, resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it, then set group by group; one that is only half set is finished later.

        The tag comes second, so that a bucket is known as ours however little of it was finished.
        """
        amazon.call(
            S3,
            "create_bucket",
            Bucket=resource.name,
            CreateBucketConfiguration={"LocationConstraint": resource.properties["Region"]},
            ObjectLockEnabledForBucket=bool(resource.properties.get("ObjectLock")),
        )
        _set_tags(amazon, resource.name, {TAG: resource.tag})
        self.change(amazon, resource, frozenset(resource.properties) - {"Region", "Tags", "ObjectLock"})

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Set the groups `names`; tags, lifecycle rules and statements of others stay."""
        if "Region" in names:
            raise Fixed(
                f"bucket {resource.name} is not in {resource.properties['Region']}, and a bucket cannot be moved: set "
                "S3_REGION to where it is, or name another bucket"
            )
        for name, setter in _SETTERS.items():
            if name in names:
                setter(amazon, resource.name, resource.properties[name])

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it, if it is empty: what people uploaded is nobody's to throw away but theirs."""
        try:
            amazon.call(S3, "delete_bucket", Bucket=resource.name, ExpectedBucketOwner=amazon.account_id)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "BucketNotEmpty":
                raise Kept("holds files: empty it first, old versions too") from error
            raise


def _part(amazon: Amazon, operation: str, bucket: str) -> dict[str, Any]:
    return amazon.look(S3, operation, Bucket=bucket, ExpectedBucketOwner=amazon.account_id) or {}


def _ownership(answer: dict[str, Any]) -> str | None:
    rules = (answer.get("OwnershipControls") or {}).get("Rules") or [{}]
    found: str | None = rules[0].get("ObjectOwnership")
    return found


def _encryption(answer: dict[str, Any]) -> str | None:
    rules = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or [{}]
    algorithm = (rules[0].get("ApplyServerSideEncryptionByDefault") or {}).get("SSEAlgorithm")
    # A key of one's own in KMS is stronger than what we ask for.
    return "AES256" if str(algorithm).startswith("aws:kms") else algorithm


def _lock(answer: dict[str, Any]) -> bool:
    return (answer.get("ObjectLockConfiguration") or {}).get("ObjectLockEnabled") == "Enabled"


def _put(amazon: Amazon, bucket: str, operation: str, **parameters: Any) -> None:
    amazon.call(S3, operation, Bucket=bucket, ExpectedBucketOwner=amazon.account_id, **parameters)


def _set_tags(amazon: Amazon, bucket: str, wanted: dict[str, str]) -> None:
    tags = as_map(_part(amazon, "get_bucket_tagging", bucket).get("TagSet")) | wanted
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    _put(amazon, bucket, "put_bucket_tagging", Tagging={"TagSet": pairs})


def _set_encryption(amazon: Amazon, bucket: str, wanted: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": wanted}, "BucketKeyEnabled": True}
    _put(amazon, bucket, "put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [rule]})


def _set_lifecycle(amazon: Amazon, bucket: str, wanted: dict[str, Any]) -> None:
    rules = _part(amazon, "get_bucket_lifecycle_configuration", bucket).get("Rules") or []
    others = [rule for rule in rules if rule["ID"] not in wanted]
    _put(
        amazon,
        bucket,
        "put_bucket_lifecycle_configuration",
        LifecycleConfiguration={"Rules": [*others, *wanted.values()]},
    )


def _set_statements(amazon: Amazon, bucket: str, wanted: dict[str, Any]) -> None:
    before = _part(amazon, "get_bucket_policy", bucket).get("Policy", "")
    _put(amazon, bucket, "put_bucket_policy", Policy=merged_policy(before, wanted))


# In this order: the tag first, versions before the lock that needs them.
_SETTERS: Final[dict[str, Any]] = {
    "Tags": _set_tags,
    "PublicAccessBlock": lambda amazon, bucket, wanted: _put(
        amazon, bucket, "put_public_access_block", PublicAccessBlockConfiguration=wanted
    ),
    "Ownership": lambda amazon, bucket, wanted: _put(
        amazon,
        bucket,
        "put_bucket_ownership_controls",
        OwnershipControls={"Rules": [{"ObjectOwnership": wanted}]},
    ),
    "Encryption": _set_encryption,
    "Versioning": lambda amazon, bucket, wanted: _put(
        amazon, bucket, "put_bucket_versioning", VersioningConfiguration={"Status": wanted}
    ),
    "Lifecycle": _set_lifecycle,
    "Statements": _set_statements,
    "ObjectLock": lambda amazon, bucket, _: _put(
        amazon,
        bucket,
        "put_object_lock_configuration",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
    ),
}
