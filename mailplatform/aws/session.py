"""One place for Region, endpoints, credentials and clients of AWS.

Which stand-in answers for a service (the sandbox, moto) is chosen by its endpoint alone. Without explicit
keys botocore's default chain applies (role, profile, environment).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session as BotocoreSession

from . import regions

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 30.0
SANDBOX_ACCOUNT_ID: Final = "123456789012"
SANDBOX_HOSTS: Final = frozenset({"localhost", "sandbox"})
_SANDBOX_SERVICES: Final = frozenset({"sesv2", "sns"})
_making: Final = Lock()


class AwsConfigurationError(Exception):
    """The AWS configuration cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach AWS. `endpoint_urls` maps boto3's service names (`sesv2`) to URLs."""

    region: str
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    endpoint_urls: Mapping[str, str] = field(default_factory=dict)
    session_token: str = field(default="", repr=False)
    connect_timeout: float = CONNECT_TIMEOUT_S
    read_timeout: float = READ_TIMEOUT_S


def check_region(region: str) -> str:
    """Return the Region, or raise AwsConfigurationError when it lies outside the EEA and is no exception."""
    if problem := regions.region_problem(region, "The Region of this installation"):
        raise AwsConfigurationError(problem)
    return region


def is_sandbox(endpoint_urls: Mapping[str, str], account_id: str) -> bool:
    """Whether nothing here can reach AWS: every endpoint is local and the account is the sandbox's own.

    An empty `account_id` stands for an installation that is not provisioned yet.
    """
    if not endpoint_urls.keys() >= _SANDBOX_SERVICES or account_id not in {"", SANDBOX_ACCOUNT_ID}:
        return False
    return all(_is_local(urlsplit(url).hostname or "") for url in endpoint_urls.values())


def boto3_session(connection: Connection) -> boto3.Session:
    """A boto3 session with the explicit keys, or with the default chain when there are none."""
    check_region(connection.region)
    if bool(connection.access_key_id) != bool(connection.secret_access_key):
        raise AwsConfigurationError(
            "Set both the AWS access key id and the secret access key, or neither (to use a role)."
        )
    return boto3.Session(
        aws_access_key_id=connection.access_key_id or None,
        aws_secret_access_key=connection.secret_access_key or None,
        aws_session_token=connection.session_token or None,
        region_name=connection.region,
    )


def client(connection: Connection, service: str, *, sends: bool = False) -> Any:
    """A boto3 client. One that sends never retries: botocore would repeat a call whose answer was lost.

    Making one costs a tenth of a second, so it is kept; a client may be used by several threads.
    """
    key = _Key(
        connection.region,
        connection.access_key_id,
        connection.secret_access_key,
        connection.session_token,
        connection.endpoint_urls.get(service) or "",
        connection.connect_timeout,
        connection.read_timeout,
    )
    with _making:
        return _client(key, service, sends)


def account_id(connection: Connection) -> str:
    """Return the account that the keys belong to."""
    return str(client(connection, "sts").get_caller_identity()["Account"])


class _Key(NamedTuple):
    """What two connections must have in common to share a client."""

    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    endpoint_url: str
    connect_timeout: float
    read_timeout: float


@lru_cache(maxsize=32)
def _client(key: _Key, service: str, sends: bool) -> Any:  # noqa: FBT001 - part of the cache's key
    settings = Config(
        retries={"total_max_attempts": 1 if sends else 4, "mode": "standard"},
        connect_timeout=key.connect_timeout,
        read_timeout=key.read_timeout,
        # A stand-in has one name: there is no host for each bucket.
        s3={"addressing_style": "path" if key.endpoint_url else "auto"},
    )
    connection = Connection(
        key.region, key.access_key_id, key.secret_access_key, session_token=key.session_token
    )
    make: Any = boto3_session(connection).client
    return make(service, endpoint_url=key.endpoint_url or None, config=settings)


def credentials(connection: Connection) -> Credentials:
    """Botocore's credentials object: refreshes itself where the source is a role."""
    session: Any = boto3_session(connection)
    botocore_session: BotocoreSession = session._session  # noqa: SLF001 - boto3 offers no public way to it
    try:
        found = botocore_session.get_credentials()
    except BotoCoreError as error:
        raise AwsConfigurationError(f"The AWS credentials cannot be read: {error}") from error
    if found is None:
        raise AwsConfigurationError(
            "No AWS credentials found: set an access key, or give this machine a role."
        )
    return found


def endpoint_url(connection: Connection, service: str) -> str:
    """The URL of a service: the configured one, else the one that botocore's endpoint rules give."""
    configured = connection.endpoint_urls.get(service)
    if configured:
        return configured.rstrip("/")
    return _default_endpoint(service, check_region(connection.region)).rstrip("/")


@lru_cache(maxsize=8)
def _default_endpoint(service: str, region: str) -> str:
    # The rules need some credentials to be present, and never use them.
    session: Any = boto3.Session("-", "-", region_name=region)
    return str(session.client(service).meta.endpoint_url)


def _is_local(host: str) -> bool:
    if host in SANDBOX_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
