"""The one client that sends mail: SendBulkEmail and SendEmail of SES v2.

boto3 spends two thirds of a call walking the request twice, so the fast transport puts botocore's own
signature under urllib3 with an orjson body. The request on the wire is boto3's (a test compares them), and
the boto3 transport stays as a setting, for proxies and private certificate authorities. Nothing here ever
repeats a call.
"""

import base64
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import urllib3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from . import errors, limits, session, signing

BULK_PATH: Final = "/v2/email/outbound-bulk-emails"
SINGLE_PATH: Final = "/v2/email/outbound-emails"
MAX_IDLE_S: Final = 15.0
_HTTP_OK: Final = 200


@dataclass(frozen=True, slots=True)
class EntryResult:
    """What SES said of one person, in the order of the entries."""

    status: str
    error: str
    message_id: str

    @property
    def verdict(self) -> errors.Verdict:
        """What the status proves."""
        return errors.entry_verdict(self.status)


@dataclass(frozen=True, slots=True)
class AccountState:
    """What GetAccount says. Rates in recipients per second, quotas in recipients per rolling 24 hours."""

    max_send_rate: float
    max_24_hour_send: float  # -1 stands for no limit
    sent_last_24_hours: float
    sending_enabled: bool
    production_access: bool
    enforcement_status: str


class Transport(Protocol):
    """Carries one call to SES and returns the decoded answer, or raises a SesError."""

    def bulk(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendBulkEmail once."""

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""


class BulkSender:
    """Sends, and turns what comes back into results or one SesError. Share one between threads.

    Requests have SES's own shape, as boto3 takes them. Headers, tags and template data were checked where
    they were made (`limits`); here only the number of entries is.
    """

    def __init__(
        self, connection: session.Connection, *, use_boto3: bool = False, connections: int = 32
    ) -> None:
        """`connections` are kept open for reuse: as many as calls go out at once.

        Raises AwsConfigurationError without keys or outside the EEA.
        """
        self._transport: Transport = (
            BotoTransport(connection) if use_boto3 else FastTransport(connection, connections=connections)
        )

    def send_bulk(self, request: dict[str, Any]) -> list[EntryResult]:
        """One SendBulkEmail call: one result per entry, in their order. Raises SesError, LimitError."""
        expected = len(request["BulkEmailEntries"])
        limits.check_entries(expected)
        return _entry_results(self._transport.bulk(request), expected)

    def send_email(self, request: dict[str, Any]) -> str:
        """One SendEmail call; returns SES's message id. Raises SesError."""
        message_id = self._transport.single(request).get("MessageId")
        if not isinstance(message_id, str) or not message_id:
            raise errors.LostAnswerError("the answer to SendEmail holds no message id", _HTTP_OK)
        return message_id


class FastTransport:
    """Botocore's signature under urllib3, JSON by orjson: about five times as fast as boto3."""

    def __init__(self, connection: session.Connection, *, connections: int) -> None:
        """Opens nothing yet."""
        self._base = session.endpoint_url(connection, "sesv2")
        self._signer = signing.RequestSigner(
            session.credentials(connection), service="ses", region=connection.region
        )
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=connections,
            block=False,
            retries=False,
            timeout=urllib3.Timeout(connect=connection.connect_timeout, read=connection.read_timeout),
        )
        self._last_used = time.monotonic()

    def bulk(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendBulkEmail once."""
        return self._post(BULK_PATH, request)

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""
        return self._post(SINGLE_PATH, request)

    def _post(self, path: str, request: dict[str, Any]) -> Mapping[str, Any]:
        body = orjson.dumps(request, default=_base64)
        url = self._base + path
        headers = self._signer.headers(url, body)
        self._drop_idle()
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, redirect=False, retries=False, preload_content=True
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _transport_error(error) from error
        return _decoded(response.status, response.headers.get("x-amzn-ErrorType", ""), response.data)

    def _drop_idle(self) -> None:
        # A connection that the other side closes while we write on it is a lost answer; a fresh one is not.
        now = time.monotonic()
        if now - self._last_used > MAX_IDLE_S:
            self._pool.clear()
        self._last_used = now


class BotoTransport:
    """boto3 itself, with its retries off: the oracle of the tests, and a setting."""

    def __init__(self, connection: session.Connection) -> None:
        """boto3's clients may be shared between threads."""
        self._client = session.client(connection, "sesv2", sends=True)

    def bulk(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendBulkEmail once."""
        return self._call(self._client.send_bulk_email, request)

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""
        return self._call(self._client.send_email, request)

    @staticmethod
    def _call(operation: Any, request: dict[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = operation(**request)
        except ClientError as error:
            raise _client_error(error) from error
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise errors.NotReachedError(str(error)) from error
        except (ParamValidationError, NoCredentialsError) as error:
            raise errors.RefusedCallError(errors.Verdict.STOP, type(error).__name__, str(error)) from error
        except Exception as error:
            raise errors.LostAnswerError(f"{type(error).__name__}: {error}") from error
        return answer


def get_account(connection: session.Connection) -> AccountState:
    """Read the account's quota and state. Raises AccountUnreadableError."""
    try:
        answer: Mapping[str, Any] = session.client(connection, "sesv2").get_account()
    except (BotoCoreError, ClientError) as error:
        raise errors.AccountUnreadableError(str(error)) from error
    quota = answer.get("SendQuota") or {}
    return AccountState(
        max_send_rate=float(quota.get("MaxSendRate", 1.0)),
        max_24_hour_send=float(quota.get("Max24HourSend", 200.0)),
        sent_last_24_hours=float(quota.get("SentLast24Hours", 0.0)),
        sending_enabled=bool(answer.get("SendingEnabled", True)),
        production_access=bool(answer.get("ProductionAccessEnabled", False)),
        enforcement_status=str(answer.get("EnforcementStatus", "")),
    )


def _base64(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError


def _entry_results(answer: Mapping[str, Any], expected: int) -> list[EntryResult]:
    results = answer.get("BulkEmailEntryResults")
    if not isinstance(results, list) or len(results) != expected:
        found = len(results) if isinstance(results, list) else "no"
        raise errors.LostAnswerError(f"{found} results for {expected} recipients", _HTTP_OK)
    if not all(isinstance(result, dict) for result in results):
        raise errors.LostAnswerError("a result is not an object", _HTTP_OK)
    return [
        EntryResult(
            status=str(result.get("Status") or ""),
            error=str(result.get("Error") or ""),
            message_id=str(result.get("MessageId") or ""),
        )
        for result in results
    ]


def _decoded(status: int, error_type: str, data: bytes) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError as error:
        raise errors.LostAnswerError(f"the answer is not JSON: {error}", status) from error
    if not isinstance(answer, dict):
        raise errors.LostAnswerError("the answer is not a JSON object", status)
    if status == _HTTP_OK:
        return answer
    code = error_type or str(answer.get("code") or answer.get("__type") or "")
    words = str(answer.get("message") or answer.get("Message") or "")
    raise errors.call_error(status, _bare(code), words)


def _bare(code: str) -> str:
    # `aws.protocol#Name:http://...` in every combination that AWS services write.
    return code.split(":", 1)[0].rsplit("#", 1)[-1]


def _client_error(error: ClientError) -> errors.SesError:
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return errors.call_error(int(status), str(details.get("Code", "")), str(details.get("Message", "")))


def _transport_error(error: Exception) -> errors.SesError:
    """Only a connection that never came about proves that SES took nothing."""
    never_connected = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.LocationParseError,
    )
    if isinstance(error, never_connected):
        return errors.NotReachedError(str(error))
    if isinstance(error, urllib3.exceptions.SSLError) and isinstance(
        error.args[0] if error.args else None, ssl.SSLCertVerificationError
    ):
        return errors.NotReachedError(str(error))
    return errors.LostAnswerError(f"{type(error).__name__}: {error}")
