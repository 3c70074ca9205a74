"""One SendBulkEmail call: entries that fail alone, mails that are rendered together."""

from typing import Any

from ..errors import ApiError, bad_request
from ..handlebars import Template
from ..message import Message
from . import addresses, templates
from . import envelope as envelopes
from .content import Composer, Draft, attachments_of
from .envelope import Envelope
from .state import Params, State


class Bulk:
    """The entries of one call and what becomes of each."""

    def __init__(self, state: State, composer: Composer, envelope: Envelope, params: Params) -> None:
        self._state = state
        self._composer = composer
        self._envelope = envelope
        self._entries: list[dict[str, Any]] = params["BulkEmailEntries"]
        self._content: dict[str, Any] = params["DefaultContent"]["Template"]
        self._tags: list[dict[str, str]] = params.get("DefaultEmailTags", [])
        self._attachments = attachments_of(self._content.get("Attachments", []))
        self._left = envelopes.quota_left(state)
        self._name = ""
        self._template: Template = {}
        self._default: dict[str, Any] = {}
        self.dictionary = ""

    async def prepare(self) -> None:
        """Everything that would fail the whole call."""
        problem = addresses.tag_problem(self._tags) or addresses.header_problem(
            self._content.get("Headers", [])
        )
        if problem:
            raise bad_request(problem)
        self._name, self._template = await templates.resolve(self._state, self._content)
        self.dictionary = templates.dictionary_of(self._template)
        self._default = templates.parse_data(self._content.get("TemplateData") or "{}")

    async def run(self) -> tuple[list[dict[str, str]], list[Message]]:
        """Results by position, and the accepted messages."""
        checked = [self._check(entry) for entry in self._entries]
        ready = [item for item in checked if isinstance(item, tuple)]
        rendered = iter(
            await self._state.render(self._template, [data for _, data in ready]) if ready else []
        )
        results, accepted = [], []
        for item in checked:
            if isinstance(item, dict):
                results.append(item)
                continue
            outcome = next(rendered)
            message = self._composer.compose(
                self._envelope, item[0], outcome.get("parts", {}), templates.failure_of(outcome)
            )
            accepted.append(message)
            results.append({"Status": "SUCCESS", "MessageId": message.id})
        return results, accepted

    def _check(self, entry: dict[str, Any]) -> tuple[Draft, dict[str, Any]] | dict[str, str]:
        """The entry's draft and data, or its failed result."""
        try:
            draft, data = self._read(entry)
        except ApiError as error:
            return {"Status": "INVALID_PARAMETER", "Error": error.message}
        injected = next(filter(None, map(self._state.misbehaviour.entry_status, draft.addresses)), "")
        if injected:
            return {"Status": injected, "Error": f"The sandbox was told to answer {injected}."}
        blocked = envelopes.unverified_recipients(self._state, draft.addresses)
        if blocked:
            return {"Status": "MESSAGE_REJECTED", "Error": envelopes.unverified_text(self._state, blocked)}
        needed = envelopes.counted(draft.addresses)
        if needed > self._left:
            return {"Status": "ACCOUNT_DAILY_QUOTA_EXCEEDED", "Error": "Daily message quota exceeded."}
        self._left -= needed
        return draft, data

    def _read(self, entry: dict[str, Any]) -> tuple[Draft, dict[str, Any]]:
        own_tags, own_headers = entry.get("ReplacementTags", []), entry.get("ReplacementHeaders", [])
        problem = addresses.tag_problem(own_tags) or addresses.header_problem(own_headers)
        if problem:
            raise bad_request(problem)
        wanted = addresses.destinations(entry["Destination"])
        if not wanted:
            raise bad_request("The message must have at least one recipient.")
        recipients = [(kind, text, addresses.address_of(text)) for kind, text in wanted]
        headers = addresses.merge_headers(self._content.get("Headers", []), own_headers)
        tags = addresses.tag_map(self._tags, own_tags)
        replacement = entry.get("ReplacementEmailContent", {}).get("ReplacementTemplate", {})
        data = templates.parse_data(replacement.get("ReplacementTemplateData") or "{}")
        # Documented: an empty object means the defaults. Merging key by key is not documented, so we do not.
        draft = Draft(recipients, tags, headers, self._attachments, self._name)
        return draft, data or self._default
