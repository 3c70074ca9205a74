"""The one client that sends mail: SendBulkEmail and SendEmail of SES v2.

boto3 spends two thirds of a call walking the request twice, so the fast transport signs JSON bytes itself and
has many calls in flight from one thread (`wire`). The request is boto3's (a test compares them), and the boto3
transport stays as a setting, for proxies and private certificate authorities. Nothing here ever repeats a call.
"""

import base64
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import orjson
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)

from . import errors, limits, session, signing, wire
from .http_reply import Reply

BULK_PATH: Final = "/v2/email/outbound-bulk-emails"
SINGLE_PATH: Final = "/v2/email/outbound-emails"
_HTTP_OK: Final = 200


class EntryResult(NamedTuple):
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
    """Carries one call and returns an answer in SES's shape, or raises a SesError."""

    def bulk(self, request: dict[str, Any], until: float = math.inf, /) -> Mapping[str, Any]:
        """Call SendBulkEmail once. Whoever hands over one by one begins none after `until` (`time.monotonic`)."""

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""


class Outgoing(NamedTuple):
    """One SendBulkEmail request as JSON, and how many entries it has."""

    body: bytes
    entries: int


class BulkSender:
    """Sends, and turns what comes back into results or one SesError. Share one between threads.

    Requests have SES's own shape, as boto3 takes them. Headers, tags and template data were checked where
    they were made (`limits`); here only the number of entries is.
    """

    def __init__(self, transport: Transport) -> None:
        """Whatever carries requests in SES's shape may do so."""
        self._transport = transport

    @classmethod
    def to_ses(
        cls, connection: session.Connection, *, use_boto3: bool = False, connections: int = 32
    ) -> "BulkSender":
        """`connections` are kept open for reuse: as many as calls go out at once.

        Raises AwsConfigurationError without keys or outside the EEA.
        """
        if use_boto3:
            return cls(BotoTransport(connection))
        return cls(FastTransport(connection, connections=connections))

    def send_bulk(self, request: dict[str, Any], *, until: float = math.inf) -> list[EntryResult]:
        """One SendBulkEmail call: one result per entry, in their order. Raises SesError, LimitError.

        A transport that hands over one by one begins none after the monotonic time `until`.
        """
        expected = len(request["BulkEmailEntries"])
        limits.check_entries(expected)
        return _entry_results(self._transport.bulk(request, until), expected)

    @property
    def sends_many(self) -> bool:
        """Whether `send_many` may be used: all other transports know only one call at a time."""
        return isinstance(self._transport, FastTransport)

    def send_many(
        self, calls: Sequence[Outgoing], *, permit: wire.Permit, executor: Executor
    ) -> list[list[EntryResult] | errors.SesError]:
        """Many SendBulkEmail calls at once: for each its results, or the error. Raises LimitError before any.

        `permit` is asked with the call's number just before its first byte, and refuses by raising a SesError.
        """
        for call in calls:
            limits.check_entries(call.entries)
        assert isinstance(self._transport, FastTransport)
        replies = self._transport.post(
            BULK_PATH, [call.body for call in calls], permit=permit, executor=executor
        )
        return [_result_or_error(reply, call.entries) for reply, call in zip(replies, calls, strict=True)]

    def send_email(self, request: dict[str, Any]) -> str:
        """One SendEmail call; returns SES's message id. Raises SesError."""
        message_id = self._transport.single(request).get("MessageId")
        if not isinstance(message_id, str) or not message_id:
            raise errors.LostAnswerError("the answer to SendEmail holds no message id", _HTTP_OK)
        return message_id


class FastTransport:
    """JSON by orjson, our own signature and connections: about six times as fast as boto3."""

    def __init__(self, connection: session.Connection, *, connections: int) -> None:
        """Opens nothing yet."""
        signer = signing.RequestSigner(
            session.credentials(connection), service="ses", region=connection.region
        )
        self._wire = wire.Wire(
            session.endpoint_url(connection, "sesv2"),
            signer.headers,
            connect_timeout=connection.connect_timeout,
            read_timeout=connection.read_timeout,
            keep=connections,
        )

    def bulk(self, request: dict[str, Any], _until: float = math.inf, /) -> Mapping[str, Any]:
        """Call SendBulkEmail once."""
        return self._one(BULK_PATH, request)

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""
        return self._one(SINGLE_PATH, request)

    def post(
        self, path: str, bodies: Sequence[bytes], *, permit: wire.Permit, executor: Executor
    ) -> list[Reply | errors.SesError]:
        """As `Wire.post`."""
        return self._wire.post(path, bodies, permit=permit, executor=executor)

    def _one(self, path: str, request: dict[str, Any]) -> Mapping[str, Any]:
        reply = self._wire.post(path, [orjson.dumps(request, default=_base64)])[0]
        if isinstance(reply, errors.SesError):
            raise reply
        return _decoded(reply)


class BotoTransport:
    """boto3 itself, with its retries off: the oracle of the tests, and a setting."""

    def __init__(self, connection: session.Connection) -> None:
        """boto3's clients may be shared between threads."""
        self._client = session.client(connection, "sesv2", sends=True)
        self._client.meta.events.register("before-send.sesv2", _note_begun, unique_id="mailplatform-begun")

    def bulk(self, request: dict[str, Any], _until: float = math.inf, /) -> Mapping[str, Any]:
        """Call SendBulkEmail once."""
        return self._call(self._client.send_bulk_email, request)

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Call SendEmail once."""
        return self._call(self._client.send_email, request)

    @staticmethod
    def _call(operation: Any, request: dict[str, Any]) -> Mapping[str, Any]:
        _this_thread.begun = False
        try:
            answer: Mapping[str, Any] = operation(**request)
        except Exception as error:
            raise _error_of(error, begun=_this_thread.begun) from error
        return answer


_this_thread: Final = threading.local()


def _note_begun(**_: Any) -> None:
    """Before this event of botocore's, which comes after the signature, nothing is written to a socket."""
    _this_thread.begun = True


def _error_of(error: Exception, *, begun: bool) -> errors.SesError:
    if isinstance(error, ParamValidationError):
        return errors.RefusedCallError(errors.Verdict.STOP, type(error).__name__, str(error))
    if not begun:
        return errors.NotWrittenError("The call could not be signed", error)
    if isinstance(error, ClientError):
        return _client_error(error)
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return errors.NotReachedError(str(error))
    return errors.LostAnswerError(f"{type(error).__name__}: {error}")


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


def _result_or_error(reply: Reply | errors.SesError, expected: int) -> list[EntryResult] | errors.SesError:
    if isinstance(reply, errors.SesError):
        return reply
    try:
        return _entry_results(_decoded(reply), expected)
    except errors.SesError as error:
        return error


def _entry_results(answer: Mapping[str, Any], expected: int) -> list[EntryResult]:
    results = answer.get("BulkEmailEntryResults")
    if not isinstance(results, list) or len(results) != expected:
        found = len(results) if isinstance(results, list) else "no"
        raise errors.LostAnswerError(f"{found} results for {expected} recipients", _HTTP_OK)
    if not all(isinstance(result, dict) for result in results):
        raise errors.LostAnswerError("a result is not an object", _HTTP_OK)
    return [
        EntryResult(
            str(result.get("Status") or ""),
            str(result.get("Error") or ""),
            str(result.get("MessageId") or ""),
        )
        for result in results
    ]


def _decoded(reply: Reply) -> Mapping[str, Any]:
    status = reply.status
    try:
        answer = orjson.loads(reply.body) if reply.body else {}
    except orjson.JSONDecodeError as error:
        raise errors.LostAnswerError(f"the answer is not JSON: {error}", status) from error
    if not isinstance(answer, dict):
        raise errors.LostAnswerError("the answer is not a JSON object", status)
    if status == _HTTP_OK:
        return answer
    code = reply.headers.get("x-amzn-errortype") or str(answer.get("code") or answer.get("__type") or "")
    words = str(answer.get("message") or answer.get("Message") or "")
    raise errors.call_error(status, _bare(code), words)


def _bare(code: str) -> str:
    # `aws.protocol#Name:http://...` in every combination that AWS services write.
    return code.split(":", 1)[0].rsplit("#", 1)[-1]


def _client_error(error: ClientError) -> errors.SesError:
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return errors.call_error(int(status), str(details.get("Code", "")), str(details.get("Message", "")))
