"""SendEmail and SendBulkEmail."""

from typing import Any

from ..errors import ApiError, ConnectionDroppedError, bad_request
from ..message import Message
from ..outcomes import Outcomes
from ..publisher import Publisher
from . import addresses, templates
from . import envelope as envelopes
from .bulk import Bulk
from .content import Composer, Draft, attachments_of, raw_header
from .envelope import MAX_RECIPIENTS, Envelope
from .state import Handler, Params, State

_MAX_BYTES = 40 * 1024 * 1024


class Sending:
    """The two send operations, with the sandbox's misbehaviour in front."""

    def __init__(self, state: State, publisher: Publisher, outcomes: Outcomes) -> None:
        self._state = state
        self._composer = Composer(state, publisher)
        self._outcomes = outcomes

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {"SendEmail": self.send_email, "SendBulkEmail": self.send_bulk}

    async def send_email(self, params: Params) -> Params:
        """One mail: simple, raw or templated."""
        faults = self._state.misbehaviour
        await faults.before_send()
        if faults.drop.strikes(faults.rng):
            raise ConnectionDroppedError
        content = params["Content"]
        kinds = [kind for kind in ("Simple", "Raw", "Template") if kind in content]
        if len(kinds) != 1:
            raise bad_request("Content must have exactly one of Simple, Raw and Template.")
        raw = content.get("Raw", {}).get("Data")
        source = params.get("FromEmailAddress") or (raw_header(raw, "From") if raw else "")
        envelope = envelopes.open_envelope(self._state, "SendEmail", params, source)
        draft = self._draft(params.get("Destination", {}), params.get("EmailTags", []), raw)
        self._check_recipients(draft)
        if raw is not None:
            message, template = self._raw(envelope, draft, raw), ""
        elif "Simple" in content:
            message, template = self._simple(envelope, draft, content["Simple"]), ""
        else:
            message, template = await self._templated(envelope, draft, content["Template"])
        envelopes.check_quota(self._state, draft.addresses)
        envelopes.take_rate(self._state, len(draft.recipients))
        self._accept([(message, template)], envelope)
        self._after_accepting()
        return {"MessageId": message.id}

    async def send_bulk(self, params: Params) -> Params:
        """Up to fifty mails of one template; answers by position."""
        faults = self._state.misbehaviour
        await faults.before_send()
        if faults.drop.strikes(faults.rng):
            raise ConnectionDroppedError
        entries = params["BulkEmailEntries"]
        count = sum(len(addresses.destinations(entry["Destination"])) for entry in entries)
        if not entries or len(entries) > MAX_RECIPIENTS or count > MAX_RECIPIENTS:
            raise bad_request(f"A bulk call has 1 to {MAX_RECIPIENTS} destinations.")
        if "Template" not in params["DefaultContent"]:
            raise bad_request("DefaultContent must have a Template.")
        envelope = envelopes.open_envelope(
            self._state, "SendBulkEmail", params, params.get("FromEmailAddress", "")
        )
        bulk = Bulk(self._state, self._composer, envelope, params)
        await bulk.prepare()
        envelopes.take_rate(self._state, count)
        results, accepted = await bulk.run()
        self._accept([(message, bulk.dictionary) for message in accepted], envelope)
        if faults.wrong_length.strikes(faults.rng):
            results = results[:-1] if len(results) > 1 else [*results, *results]
        self._after_accepting()
        return {"BulkEmailEntryResults": results}

    def _after_accepting(self) -> None:
        """The answer may get lost though the mail went out."""
        faults = self._state.misbehaviour
        if faults.accept_and_drop.strikes(faults.rng):
            raise ConnectionDroppedError
        if faults.accept_and_error.strikes(faults.rng):
            raise ApiError("InternalServiceErrorException", "Service encountered an internal error.", 500)

    def _accept(self, batch: list[tuple[Message, str]], envelope: Envelope) -> None:
        self._state.mailbox.add(batch)
        for message, _ in batch:
            envelopes.spend_quota(self._state, message.destination)
            self._outcomes.begin(message, envelope.configuration_set)

    def _draft(self, destination: dict[str, Any], tags: list[dict[str, str]], raw: bytes | None) -> Draft:
        problem = addresses.tag_problem(tags)
        if problem:
            raise bad_request(problem)
        wanted = addresses.destinations(destination)
        if raw is not None and not wanted:
            pairs = [(kind, raw_header(raw, kind)) for kind in ("To", "Cc", "Bcc")]
            wanted = [
                (kind, part.strip()) for kind, text in pairs for part in text.split(",") if part.strip()
            ]
        recipients = [(kind, text, addresses.address_of(text)) for kind, text in wanted]
        return Draft(recipients, addresses.tag_map(tags))

    def _check_recipients(self, draft: Draft) -> None:
        if not draft.recipients:
            raise bad_request("The message must have at least one recipient.")
        if len(draft.recipients) > MAX_RECIPIENTS:
            raise bad_request(f"Recipient count exceeds {MAX_RECIPIENTS}.")
        blocked = envelopes.unverified_recipients(self._state, draft.addresses)
        if blocked:
            raise envelopes.unverified(self._state, blocked)

    def _simple(self, envelope: Envelope, draft: Draft, content: dict[str, Any]) -> Message:
        _fill(draft, content.get("Headers", []), content.get("Attachments", []))
        body = content["Body"]
        parts = {name.lower(): body[name]["Data"] for name in ("Text", "Html") if name in body}
        if not parts:
            raise bad_request("The body must have Text or Html.")
        return self._composer.compose(envelope, draft, {"subject": content["Subject"]["Data"], **parts})

    def _raw(self, envelope: Envelope, draft: Draft, data: bytes) -> Message:
        if len(data) * 4 / 3 > _MAX_BYTES:
            raise bad_request("Message length is more than 41943040 bytes long.")
        return self._composer.compose_raw(envelope, draft, data)

    async def _templated(
        self, envelope: Envelope, draft: Draft, content: dict[str, Any]
    ) -> tuple[Message, str]:
        name, template = await templates.resolve(self._state, content)
        draft.template = name
        _fill(draft, content.get("Headers", []), content.get("Attachments", []))
        data = templates.parse_data(content.get("TemplateData") or "{}")
        result = (await self._state.render(template, [data]))[0]
        failure = templates.failure_of(result)
        message = self._composer.compose(envelope, draft, result.get("parts", {}), failure)
        return message, templates.dictionary_of(template)


def _fill(draft: Draft, headers: list[dict[str, str]], attachments: list[dict[str, Any]]) -> None:
    problem = addresses.header_problem(headers)
    if problem:
        raise bad_request(problem)
    draft.headers = [(item["Name"], item["Value"]) for item in headers]
    draft.attachments = attachments_of(attachments)
