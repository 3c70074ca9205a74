"""The sandbox's own API under ``/_sandbox/``: mailbox as JSON, switches, tracking hits, certificates."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from . import mime, misbehaviour, readers, tracking
from .core import Sandbox
from .errors import ApiError, bad_request
from .limits import TokenBucket
from .mailbox import Filter
from .message import Message
from .wire import Request, Response, json_response

_RESERVED = {"to", "limit", "after", "state", "tag", "order"}
Route = Callable[[Request], Awaitable[Response]]


class Control:
    """Routes and handlers; nothing here is part of AWS."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", "health"): self.health,
            ("GET", "ca.pem"): self.authority,
            ("GET", "api/messages"): self.messages,
            ("DELETE", "api/messages"): self.clear,
            ("GET", "api/summary"): self.summary,
            ("GET", "api/events"): self.events,
            ("GET", "api/account"): self.account,
            ("PUT", "api/account"): self.put_account,
            ("GET", "api/misbehave"): self.misbehaviour,
            ("PUT", "api/misbehave"): self.misbehave,
            ("POST", "api/misbehave"): self.misbehave,
            ("DELETE", "api/misbehave"): self.behave,
            ("POST", "api/reset"): self.reset,
            ("GET", "api/readers"): self.readers,
            ("PUT", "api/readers"): self.put_readers,
            ("POST", "api/readers"): self.put_readers,
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request below ``/_sandbox/``."""
        path = request.path.removeprefix("/_sandbox/").rstrip("/")
        route = self._routes.get((request.method, path))
        if route:
            return await route(request)
        parts = path.split("/")
        if parts[0] in {"o", "r"} and request.method in {"GET", "HEAD"}:
            return self._tracking_hit(parts, request)
        if path.startswith("api/messages/"):
            return self._one_message(parts[2:], request)
        if parts[:2] == ["api", "identities"] and parts[-1] == "verify" and request.method == "POST":
            self._sandbox.identities.verify("/".join(parts[2:-1]))
            return json_response({})
        if parts[:2] == ["api", "identities"] and parts[-1] == "unverify" and request.method == "POST":
            status = read_json(request).get("status", "FAILED")
            self._sandbox.identities.unverify("/".join(parts[2:-1]), status)
            return json_response({})
        raise ApiError("NotFound", f"nothing at {request.method} {request.path}", 404)

    async def health(self, _request: Request) -> Response:
        """Says that the process answers."""
        return json_response({"status": "ok", "region": self._sandbox.config.region})

    async def authority(self, _request: Request) -> Response:
        """The certificate authority that signs the SNS certificate."""
        return Response(200, self._sandbox.signer.ca_pem, "application/x-pem-file")

    async def messages(self, request: Request) -> Response:
        """Mails by recipient, state and tags (``&campaign=7`` is the tag ``campaign``)."""
        wanted = read_filter(request)
        found = self._sandbox.mailbox.find(wanted)
        following = found[-1]["position"] if len(found) == wanted.limit else None
        return json_response({"messages": found, "next": following})

    async def clear(self, _request: Request) -> Response:
        """Throw all mail away."""
        return json_response({"deleted": self._sandbox.mailbox.clear()})

    async def summary(self, request: Request) -> Response:
        """Mails per address, grouped by the values of a tag: ``?tag=run``."""
        return json_response(self._sandbox.mailbox.summary(read_filter(request), request.first("tag")))

    async def events(self, _request: Request) -> Response:
        """What happened to events, what is pending."""
        return json_response(self._sandbox.activity())

    async def account(self, _request: Request) -> Response:
        """Settings of the account."""
        return json_response(
            {**vars(self._sandbox.state.account), "burst_seconds": self._sandbox.state.bucket.burst}
        )

    async def put_account(self, request: Request) -> Response:
        """Change settings of the account; a new rate starts with a full bucket."""
        state = self._sandbox.state
        value = read_json(request)
        account = vars(state.account)
        burst = value.pop("burst_seconds", state.bucket.burst)
        for name, item in value.items():
            if name not in account:
                raise bad_request(f"unknown setting {name}; there are {sorted([*account, 'burst_seconds'])}")
            # Numbers may come as integers; everything else keeps its type.
            kind = type(account[name])
            setattr(state.account, name, kind(item) if kind in {float, tuple} else item)
        if "max_send_rate" in value or burst != state.bucket.burst:
            state.bucket = TokenBucket(state.account.max_send_rate, float(burst))
        return await self.account(request)

    async def misbehaviour(self, _request: Request) -> Response:
        """The switches, with how often each has struck."""
        return json_response(self._sandbox.state.misbehaviour.describe())

    async def misbehave(self, request: Request) -> Response:
        """Replace all switches by the given ones."""
        self._sandbox.misbehave(misbehaviour.parse(read_json(request)))
        return await self.misbehaviour(request)

    async def behave(self, request: Request) -> Response:
        """Switch everything off."""
        self._sandbox.misbehave(misbehaviour.Misbehaviour())
        return await self.misbehaviour(request)

    async def reset(self, _request: Request) -> Response:
        """A new, empty account."""
        await self._sandbox.reset()
        return json_response({})

    async def readers(self, _request: Request) -> Response:
        """Behaviour of the simulated readers and what they did."""
        found = self._sandbox.readers
        return json_response({**found.behaviour.describe(), "actions": found.counts})

    async def put_readers(self, request: Request) -> Response:
        """Change the behaviour of readers for mails delivered from now on."""
        found = self._sandbox.readers
        found.behaviour = readers.parse(read_json(request), found.behaviour)
        return await self.readers(request)

    def _one_message(self, parts: list[str], request: Request) -> Response:
        message = self._message(parts[0])
        action = parts[1] if len(parts) > 1 else ""
        if request.method == "POST" and action == "event":
            return self._inject(message, read_json(request))
        if request.method != "GET" or action not in {"", "raw"}:
            raise ApiError("NotFound", f"nothing at {request.method} {request.path}", 404)
        if action == "raw":
            return Response(200, mime.build(message), "message/rfc822")
        return json_response(self.describe(message))

    def describe(self, message: Message) -> dict[str, Any]:
        """One mail as JSON: ``headers`` are all on the wire, in order."""
        return {
            "id": message.id,
            "sent_at": message.sent_at,
            "source": message.source,
            "to": message.destination,
            "subject": message.subject,
            "state": self._sandbox.mailbox.state(message.id),
            "configuration_set": message.configuration_set,
            "template": message.template,
            "failure": message.failure,
            "tags": message.tags,
            "headers": [{"name": name, "value": value} for name, value in mime.wire_headers(message)],
            "text": message.text,
            "html": message.html,
            "open_tracking": message.open_tracking,
            "links": [{"url": link.url, "tags": link.tags} for link in message.links],
            "attachments": [item.name for item in message.attachments],
        }

    def _inject(self, message: Message, value: dict[str, Any]) -> Response:
        recipient = value.get("recipient") or (message.destination[0] if message.destination else "")
        detail: dict[str, str] = {
            key: str(value[key]) for key in ("subtype", "type", "feedback") if key in value
        }
        self._sandbox.outcomes.inject(str(value.get("event", "")).upper(), message, recipient, detail)
        return json_response({}, 202)

    def _tracking_hit(self, parts: list[str], request: Request) -> Response:
        message = self._message(parts[1] if len(parts) > 1 else "")
        agent = request.headers.get("user-agent", "")
        if parts[0] == "o":
            self._sandbox.readers.open(message, request.client_ip, agent)
            return Response(200, tracking.PIXEL, "image/gif", {"Cache-Control": "no-store"})
        number = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else -1
        target = self._sandbox.readers.click(message, number, request.client_ip, agent)
        if not target:
            raise ApiError("NotFound", "no such link", 404)
        return Response(302, headers={"Location": target, "Cache-Control": "no-store"})

    def _message(self, message_id: str) -> Message:
        found = self._sandbox.mailbox.get(message_id)
        if found is None:
            raise ApiError("NotFound", "no such message", 404)
        return found


def read_filter(request: Request) -> Filter:
    """Search terms of a request; every name that is not reserved is a message tag."""
    try:
        after, limit = int(request.first("after", "0")), int(request.first("limit", "50"))
    except ValueError as error:
        raise bad_request("after and limit are whole numbers") from error
    tags = {name: values[0] for name, values in request.query.items() if name not in _RESERVED}
    newest_first = request.first("order") == "newest"
    return Filter(request.first("to"), tags, request.first("state"), after, limit, newest_first)


def read_json(request: Request) -> dict[str, Any]:
    """The request's JSON object."""
    try:
        value = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise bad_request("the body is not JSON") from error
    if not isinstance(value, dict):
        raise bad_request("the body must be a JSON object")
    return value
