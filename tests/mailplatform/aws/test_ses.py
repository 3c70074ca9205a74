"""The sending client: the same request as boto3's, and every way in which an answer can fail to come."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mailplatform.aws import errors, limits, ses, session
from mailplatform.aws.errors import Verdict

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass
class Recorder:
    """A local HTTP server that keeps what it was sent and answers as told."""

    port: int = 0
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Answer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _reply(status: int, body: bytes, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def _success(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    entries = json.loads(body).get("BulkEmailEntries", [])
    results = [{"Status": "SUCCESS", "MessageId": f"id-{n}"} for n in range(len(entries))]
    _reply(200, json.dumps({"BulkEmailEntryResults": results, "MessageId": "single"}).encode())(handler, body)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    record = Recorder(answer=_success)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            assert record.answer is not None
            record.answer(self, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            record.requests.append((self.command, self.path, dict(self.headers.items()), body))
            assert record.answer is not None
            record.answer(self, body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    record.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield record
    server.shutdown()
    server.server_close()
    thread.join()


def _connection(url: str, **changes: Any) -> session.Connection:
    return session.Connection(
        region="eu-central-1",
        access_key_id="AKIDEXAMPLE",
        secret_access_key="secret",
        session_token="token",
        endpoint_urls={"sesv2": url},
        **changes,
    )


@pytest.fixture(params=[False, True], ids=["fast", "boto3"])
def sender(request: pytest.FixtureRequest, recorder: Recorder) -> ses.BulkSender:
    return ses.BulkSender.to_ses(_connection(recorder.url, read_timeout=1.0), use_boto3=request.param)


def _entry(number: int) -> dict[str, Any]:
    data = json.dumps({"name": "Zoë \u2028 </script>", "n": number})
    return {
        "Destination": {"ToAddresses": [f"person{number}@example.com"]},
        "ReplacementTags": [{"Name": "mp-sub", "Value": str(number)}],
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}},
        "ReplacementHeaders": [{"Name": "List-Unsubscribe", "Value": f"<https://example.com/u/{number}>"}],
    }


def _bulk(count: int = 2) -> dict[str, Any]:
    return {
        "FromEmailAddress": "=?utf-8?b?w4k=?= <news@example.com>",
        "ReplyToAddresses": ["reply@example.com"],
        "DefaultContent": {
            "Template": {
                "TemplateName": "mp-0123",
                "TemplateData": "{}",
                "Headers": [{"Name": "List-Id", "Value": "<list.example.com>"}],
            }
        },
        "DefaultEmailTags": [{"Name": "mp-epoch", "Value": "e1"}],
        "ConfigurationSetName": "mp-none",
        "BulkEmailEntries": [_entry(number) for number in range(count)],
    }


def _single(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "FromEmailAddress": "news@example.com",
        "Destination": {"ToAddresses": ["ada@example.com"]},
        "Content": content,
        "ConfigurationSetName": "mp-none",
        "EmailTags": [{"Name": "mp-kind", "Value": "test"}],
    }


SINGLES: list[dict[str, Any]] = [
    {"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "Hallo", "Charset": "UTF-8"}}}},
    {"Raw": {"Data": b"From: a\r\n\r\n\xff\x00binary"}},
    {"Template": {"TemplateName": "t", "TemplateData": '{"a":"\\u00fc"}'}},
]


def _signed(headers: dict[str, str]) -> str:
    return headers["Authorization"].split("SignedHeaders=")[1].split(",")[0]


def _same_on_the_wire(recorder: Recorder) -> None:
    (method, path, fast_headers, fast), (other_method, other_path, boto_headers, boto) = recorder.requests
    assert (method, path, json.loads(fast)) == (other_method, other_path, json.loads(boto))
    assert fast_headers["Content-Type"] == boto_headers["Content-Type"]
    assert fast_headers["X-Amz-Security-Token"] == boto_headers["X-Amz-Security-Token"] == "token"
    assert _signed(fast_headers) == _signed(boto_headers)
    assert fast_headers["Authorization"].split(",")[0] == boto_headers["Authorization"].split(",")[0]


def test_a_bulk_call_is_boto3s_on_the_wire(recorder: Recorder) -> None:
    for use_boto3 in (False, True):
        results = ses.BulkSender.to_ses(_connection(recorder.url), use_boto3=use_boto3).send_bulk(_bulk(50))
        assert [result.message_id for result in results] == [f"id-{n}" for n in range(50)]
    _same_on_the_wire(recorder)


@pytest.mark.parametrize("content", SINGLES, ids=lambda content: next(iter(content)))
def test_a_single_call_is_boto3s_on_the_wire(recorder: Recorder, content: dict[str, Any]) -> None:
    for use_boto3 in (False, True):
        assert (
            ses.BulkSender.to_ses(_connection(recorder.url), use_boto3=use_boto3).send_email(_single(content))
            == "single"
        )
    _same_on_the_wire(recorder)


def test_entry_statuses_come_through(recorder: Recorder, sender: ses.BulkSender) -> None:
    results = [{"Status": "SUCCESS", "MessageId": "m"}, {"Status": "INVALID_PARAMETER", "Error": "bad"}]
    recorder.answer = _reply(200, json.dumps({"BulkEmailEntryResults": results}).encode())
    first, second = sender.send_bulk(_bulk(2))
    assert (first.verdict, first.message_id, first.error) == (Verdict.ACCEPTED, "m", "")
    assert (second.verdict, second.message_id, second.error) == (Verdict.REFUSED, "", "bad")


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (429, "TooManyRequestsException", Verdict.THROTTLED),
        (400, "BadRequestException", Verdict.REFUSED),
        (404, "NotFoundException:http://internal.amazon.com/coral/", Verdict.STOP),
        (400, "com.amazonaws.ses#AccountSuspendedException", Verdict.STOP),
    ],
)
def test_documented_refusals(
    recorder: Recorder, sender: ses.BulkSender, status: int, code: str, verdict: Verdict
) -> None:
    recorder.answer = _reply(status, b'{"message":"words of SES"}', x_amzn_ErrorType=code)
    with pytest.raises(errors.RefusedCallError, match="words of SES") as caught:
        sender.send_bulk(_bulk())
    assert caught.value.verdict is verdict
    assert caught.value.status == status


def test_the_code_may_stand_in_the_body(recorder: Recorder, sender: ses.BulkSender) -> None:
    recorder.answer = _reply(400, b'{"__type":"aws.ses#MessageRejected","message":"no"}')
    with pytest.raises(errors.RefusedCallError) as caught:
        sender.send_bulk(_bulk())
    assert caught.value.code == "MessageRejected"


def _close(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.close_connection = True


def _half(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"BulkEmail')
    handler.close_connection = True


def _reset(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.connection.close()
    handler.close_connection = True


def _silence(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    threading.Event().wait(1.5)
    handler.close_connection = True


LOST = {
    "500": _reply(500, b'{"message":"x"}', x_amzn_ErrorType="InternalServiceErrorException"),
    "503 of a proxy": _reply(503, b"<html>busy</html>"),
    "unknown 4xx": _reply(400, b'{"message":"x"}', x_amzn_ErrorType="NeverSeenException"),
    "not JSON": _reply(200, b"<html>"),
    "empty": _reply(200, b""),
    "too short": _reply(200, b'{"BulkEmailEntryResults":[{"Status":"SUCCESS"}]}'),
    "too long": _reply(200, b'{"BulkEmailEntryResults":[{},{},{}]}'),
    "no list": _reply(200, b"{}"),
    "null": _reply(200, b'{"BulkEmailEntryResults":null}'),
    "accepted, then dropped": _close,
    "half an answer": _half,
    "reset": _reset,
    "read timeout": _silence,
    "redirect": _reply(307, b"", Location="http://127.0.0.1:1/"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("answer", LOST.values(), ids=list(LOST))
def test_lost_answers_are_asked_for_once_and_never_again(
    recorder: Recorder, sender: ses.BulkSender, answer: Answer
) -> None:
    recorder.answer = answer
    with pytest.raises(errors.LostAnswerError):
        sender.send_bulk(_bulk())
    assert len(recorder.requests) == 1


def test_a_single_answer_without_an_id_is_lost(recorder: Recorder, sender: ses.BulkSender) -> None:
    recorder.answer = _reply(200, b"{}")
    with pytest.raises(errors.LostAnswerError):
        sender.send_email(_single(SINGLES[0]))


@pytest.mark.parametrize("use_boto3", [False, True])
def test_a_refused_connection_proves_that_nothing_was_sent(use_boto3: bool) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(errors.NotReachedError):
            ses.BulkSender.to_ses(_connection(url), use_boto3=use_boto3).send_bulk(_bulk())


@pytest.fixture
def role(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> session.Connection:
    """A connection without keys, on a machine whose role the recorder gives keys to."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{recorder.url}/role")
    return session.Connection("eu-central-1", endpoint_urls={"sesv2": recorder.url})


@pytest.mark.parametrize("use_boto3", [False, True], ids=["fast", "boto3"])
def test_a_role_that_gives_no_new_keys_is_no_lost_answer(
    recorder: Recorder, role: session.Connection, use_boto3: bool
) -> None:
    keys = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "s", "Token": "t"}
    recorder.answer = _reply(200, json.dumps({**keys, "Expiration": "2020-01-01T00:00:00Z"}).encode())
    sender = ses.BulkSender.to_ses(role, use_boto3=use_boto3)
    recorder.answer = _reply(500, b"gone")
    words = "NotWritten: The call could not be signed: CredentialRetrievalError"
    with pytest.raises(errors.NotWrittenError, match=words) as caught:
        sender.send_bulk(_bulk())
    assert caught.value.verdict is Verdict.STOP
    assert recorder.requests == []


def test_a_role_that_gives_no_keys_at_all_is_said_so(recorder: Recorder, role: session.Connection) -> None:
    recorder.answer = _reply(500, b"gone")
    with pytest.raises(session.AwsConfigurationError, match="The AWS credentials cannot be read"):
        ses.BulkSender.to_ses(role)


def test_a_connection_left_idle_is_not_used_again(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailplatform.aws.wire.MAX_IDLE_S", -1)
    sender = ses.BulkSender.to_ses(_connection(recorder.url))
    sender.send_bulk(_bulk())
    sender.send_bulk(_bulk())
    assert len(recorder.requests) == 2


def test_too_many_recipients_are_refused_before_the_socket(
    recorder: Recorder, sender: ses.BulkSender
) -> None:
    with pytest.raises(limits.LimitError, match="1 to 50"):
        sender.send_bulk(_bulk(51))
    assert recorder.requests == []


def test_the_account_is_read(recorder: Recorder) -> None:
    recorder.answer = _reply(
        200,
        json.dumps(
            {
                "EnforcementStatus": "HEALTHY",
                "ProductionAccessEnabled": True,
                "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
                "SendingEnabled": True,
            }
        ).encode(),
    )
    account = ses.get_account(_connection(recorder.url))
    assert account == ses.AccountState(14.0, 50_000.0, 12.0, True, True, "HEALTHY")


def test_an_account_that_cannot_be_read_has_a_name(recorder: Recorder) -> None:
    recorder.answer = _reply(403, b'{"message":"no"}', x_amzn_ErrorType="AccessDeniedException")
    with pytest.raises(errors.AccountUnreadableError, match="no"):
        ses.get_account(_connection(recorder.url))
