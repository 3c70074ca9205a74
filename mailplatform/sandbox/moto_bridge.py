"""S3, CloudWatch, EventBridge, Scheduler, SQS and STS from moto's server, in the same process.

moto is loaded at the first request that needs it, so the sandbox starts in under two seconds.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import orjson

from . import policy
from .constants import ACCOUNT_ID
from .wire import Request, Response, Scope, Send, send_response

_logger = logging.getLogger(__name__)


class Moto:
    """Runs the WSGI application in a few threads, since a long poll of SQS holds one."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._application: Any = None
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="moto")

    async def handle(self, request: Request, scope: Scope, send: Send) -> None:
        """Answer one request through moto."""
        loop = asyncio.get_running_loop()
        response = await loop.run_in_executor(self._pool, self._call, request, dict(scope))
        await send_response(send, response)

    async def send_to_queue(self, arn: str, body: str, *, topic: str) -> bool:
        """Put a message on an SQS queue, if it exists and lets SNS do so."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._send_to_queue, arn, body, topic)

    async def reset(self) -> None:
        """Empty all of moto's backends, if any was used."""
        if self._application is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, _reset_backends)

    def temporary_secret(self, access_key: str) -> str | None:
        """Secret of credentials that moto's STS handed out."""
        if self._application is None or not access_key.startswith("ASIA"):
            return None
        from moto.sts.models import sts_backends

        backend = sts_backends[ACCOUNT_ID]["aws"]
        for role in backend.assumed_roles:
            if role.access_key_id == access_key:
                return str(role.secret_access_key)
        return None

    def close(self) -> None:
        """Let the thread go."""
        self._pool.shutdown(wait=False)

    def _load(self) -> Any:
        if self._application is None:
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

            self._application = DomainDispatcherApplication(create_backend_app)
            # moto keeps its resources in the process: a new sandbox must not begin with those of the last one.
            _reset_backends()
            logging.getLogger("werkzeug").setLevel(logging.WARNING)
        return self._application

    def _call(self, request: Request, scope: dict[str, Any]) -> Response:
        from werkzeug.test import run_wsgi_app

        environ = _environ(request, scope)
        try:
            chunks, status, headers = run_wsgi_app(self._load(), environ, buffered=True)
        except Exception as error:
            _logger.exception("moto failed on %s %s", request.method, request.path)
            return Response(500, orjson.dumps({"message": f"moto: {error!r}"}))
        content_type = headers.get("Content-Type", "application/octet-stream")
        skip = {"content-type", "content-length", "connection", "date", "server"}
        kept = {name: value for name, value in headers.items() if name.lower() not in skip}
        return Response(int(status.split(" ", 1)[0]), b"".join(chunks), content_type, kept)

    def _send_to_queue(self, arn: str, body: str, topic: str) -> bool:
        self._load()
        from moto.sqs.models import sqs_backends

        region, name = arn.split(":")[3], arn.rsplit(":", 1)[1]
        backend = sqs_backends[ACCOUNT_ID][region]
        queue = backend.queues.get(name)
        if queue is None:
            _logger.warning("the dead-letter queue %s does not exist", arn)
            return False
        document = (
            queue.policy if isinstance(queue.policy, str) else orjson.dumps(queue.policy or {}).decode()
        )
        context = {"aws:SourceArn": topic, "aws:SourceAccount": ACCOUNT_ID}
        if not policy.allows(
            document, service="sns.amazonaws.com", action="sqs:SendMessage", resource=arn, context=context
        ):
            _logger.warning("the policy of %s does not let sns.amazonaws.com send to it", arn)
            return False
        backend.send_message(name, body)
        return True


def _reset_backends() -> None:
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()


def _environ(request: Request, scope: dict[str, Any]) -> dict[str, Any]:
    from io import BytesIO

    server = scope.get("server") or ("127.0.0.1", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.raw_path, encoding="latin-1"),
        "RAW_URI": _uri(request),
        "REQUEST_URI": _uri(request),
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client_ip,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(request.body)),
        "CONTENT_TYPE": request.headers.get("content-type", ""),
    }
    for name, value in request.headers.items():
        if name not in {"content-length", "content-type"}:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _uri(request: Request) -> str:
    return request.raw_path + (f"?{request.query_string}" if request.query_string else "")
