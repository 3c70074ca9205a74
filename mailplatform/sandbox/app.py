"""The ASGI application: which service a request is for, and each service's way of answering."""

import logging
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import orjson

from . import query, sigv4
from .control import Control
from .core import Sandbox
from .errors import ApiError, ConnectionDroppedError
from .ids import new_uuid
from .message import signed_at
from .pages import Pages
from .ses.state import Handler
from .shapes import ServiceModel
from .wire import Receive, Request, Response, Scope, Send, read_request, send_response

_logger = logging.getLogger(__name__)


class Application:
    """Dispatches on the path for the sandbox's own pages, else on the credential's service."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._control = Control(sandbox)
        self._pages = Pages(sandbox)

    @cached_property
    def _ses_model(self) -> ServiceModel:
        return ServiceModel("sesv2")

    @cached_property
    def _sns_model(self) -> ServiceModel:
        return ServiceModel("sns")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.sandbox.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.sandbox.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        credential = sigv4.parse(request.headers.get("authorization", ""))
        try:
            if credential and credential.service == "ses":
                response = await self._ses(request, credential)
            elif (credential and credential.service == "sns") or (not credential and _is_sns_link(request)):
                response = self._sns(request, credential)
            elif credential is None and request.path.startswith("/v2/email/"):
                response = _ses_error(sigv4.missing_token())
            elif credential is None and self._is_own(request):
                response = await self._own(request)
            else:
                await self.sandbox.moto.handle(request, scope, send)
                return
        except ConnectionDroppedError:
            request.transport.abort()
            return
        await send_response(send, response)

    def _is_own(self, request: Request) -> bool:
        return (
            request.path == "/"
            or request.path.startswith(("/_sandbox/", "/mailbox"))
            or request.path == self.sandbox.signer.path
        )

    async def _own(self, request: Request) -> Response:
        if request.path == "/":
            return Response(302, headers={"Location": "/mailbox"})
        if request.path == self.sandbox.signer.path:
            return Response(200, self.sandbox.signer.leaf_pem, "application/x-pem-file")
        try:
            if request.path.startswith("/_sandbox/"):
                return await self._control.handle(request)
            return self._pages.handle(request)
        except ApiError as error:
            return Response(error.status, orjson.dumps({"error": error.message}))

    async def _ses(self, request: Request, credential: sigv4.Credential) -> Response:
        try:
            self._verify(request, credential)
            signed_at.set(time.time())
            handler, params = self._ses_call(request)
            answer = await handler(params)
        except ApiError as error:
            return _ses_error(error)
        except ConnectionDroppedError:
            raise
        except Exception as error:
            _logger.exception("the sandbox failed on %s %s", request.method, request.path)
            return _ses_error(ApiError("InternalServiceErrorException", f"sandbox: {error!r}", 500))
        return Response(200, orjson.dumps(answer), headers={"x-amzn-RequestId": new_uuid()})

    def _ses_call(self, request: Request) -> tuple[Handler, dict[str, Any]]:
        found = self._ses_model.match(request.method, request.raw_path)
        if found is None:
            raise ApiError("UnknownOperationException", f"No operation at {request.path}", 404)
        operation, uri = found
        handler = self.sandbox.ses_operations.get(operation.name)
        if handler is None:
            raise ApiError("NotImplementedException", f"The sandbox does not do {operation.name}.", 501)
        return handler, self._ses_model.parse(operation, uri, request)

    def _sns(self, request: Request, credential: sigv4.Credential | None) -> Response:
        model, request_id = self._sns_model, new_uuid()
        try:
            if credential:
                self._verify(request, credential)
            form = query.read_form(
                request.body.decode() if request.method == "POST" else request.query_string
            )
            action = form.get("Action", "")
            params = query.parse_input(model, action, form)
            answer = self.sandbox.sns_api.call(action, params, signed=credential is not None)
            return Response(200, query.render(model, action, answer, request_id), "text/xml")
        except ApiError as error:
            return Response(error.status, query.render_error(model, error, request_id), "text/xml")
        except Exception as error:
            _logger.exception("the sandbox failed on an SNS call")
            failure = ApiError("InternalError", f"sandbox: {error!r}", 500)
            return Response(500, query.render_error(model, failure, request_id), "text/xml")

    def _verify(self, request: Request, credential: sigv4.Credential) -> None:
        sigv4.verify(
            request,
            credential,
            region=self.sandbox.config.region,
            secret_of=self.sandbox.secret_of,
            now=datetime.now(UTC),
            tolerance=timedelta(seconds=self.sandbox.config.signature_age),
        )


def _is_sns_link(request: Request) -> bool:
    """The links in SNS's own messages are unsigned calls; so is any other unsigned Query call."""
    return request.path == "/" and ("Action" in request.query or b"Action=" in request.body[:2048])


def _ses_error(error: ApiError) -> Response:
    headers: dict[str, Any] = {"x-amzn-ErrorType": error.code, "x-amzn-RequestId": new_uuid()}
    return Response(error.status, orjson.dumps({"message": error.message}), headers=headers)
