"""Stored templates and their test rendering."""

import time
from typing import Any

import orjson

from .. import mime
from ..errors import ApiError, already_exists, bad_request, not_found
from ..handlebars import Template
from ..message import Message, new_id
from .state import Handler, Params, State, page
from .tenants import check_unused

_MAX_TEMPLATES = 20_000
_MAX_BYTES = 500 * 1024
_PAGE = 10
_MAX_INLINE = 1024 * 1024


class Templates:
    """Operations on templates."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {
            "CreateEmailTemplate": self.create,
            "GetEmailTemplate": self.get,
            "ListEmailTemplates": self.list_all,
            "UpdateEmailTemplate": self.update,
            "DeleteEmailTemplate": self.delete,
            "TestRenderEmailTemplate": self.test_render,
        }

    async def create(self, params: Params) -> Params:
        """Store a new template."""
        name = params["TemplateName"]
        if name in self._state.templates:
            raise already_exists(f"Template {name} already exists")
        if len(self._state.templates) >= _MAX_TEMPLATES:
            raise ApiError("LimitExceededException", "Account template limit exceeded.")
        await self._store(name, params["TemplateContent"], time.time())
        return {}

    async def get(self, params: Params) -> Params:
        """One template."""
        found = self._template(params["TemplateName"])
        return {"TemplateName": params["TemplateName"], "TemplateContent": found["content"], "Tags": []}

    async def list_all(self, params: Params) -> Params:
        """Names and times, ten a page."""
        found = [
            {"TemplateName": name, "CreatedTimestamp": item["created"]}
            for name, item in self._state.templates.items()
        ]
        return page("TemplatesMetadata", found, params, _PAGE)

    async def update(self, params: Params) -> Params:
        """Replace a template's content."""
        found = self._template(params["TemplateName"])
        await self._store(params["TemplateName"], params["TemplateContent"], found["created"])
        return {}

    async def delete(self, params: Params) -> Params:
        """Delete; an unknown one is an error in version 2."""
        self._template(params["TemplateName"])
        check_unused(self._state, self._state.arn("template", params["TemplateName"]))
        self._state.templates.remove(params["TemplateName"])
        return {}

    async def test_render(self, params: Params) -> Params:
        """The whole MIME message that a mail with these data would be."""
        found = self._template(params["TemplateName"])
        data = parse_data(params["TemplateData"])
        result = (await self._state.render(parts_of(found["content"]), [data]))[0]
        problem = failure_of(result)
        if problem:
            raise bad_request(problem)
        now = time.time()
        parts = result["parts"]
        message = Message(
            id=new_id(self._state.region, now),
            sent_at=now,
            source="",
            source_arn="",
            destination=[],
            headers=[("Subject", parts.get("subject", ""))],
            tags={},
            text=parts.get("text"),
            html=parts.get("html"),
            region=self._state.region,
        )
        return {"RenderedTemplate": mime.build(message).decode()}

    async def _store(self, name: str, content: dict[str, Any], created: float) -> None:
        if not content.get("Subject"):
            raise bad_request("The subject must be specified.")
        if sum(len(text.encode()) for text in content.values()) > _MAX_BYTES:
            raise bad_request("The template is larger than 500 KB.")
        await check(self._state, parts_of(content), inline=False)
        self._state.templates.put(name, {"content": content, "created": created})

    def _template(self, name: str) -> dict[str, Any]:
        return stored(self._state, name)


def stored(state: State, name: str) -> dict[str, Any]:
    """A stored template, or SES's 404."""
    found = state.templates.get(name)
    if found is None:
        raise not_found(f"Template {name} does not exist")
    return found


def parts_of(content: dict[str, Any]) -> Template:
    """SES's names to the engine's."""
    return {"subject": content.get("Subject"), "text": content.get("Text"), "html": content.get("Html")}


async def check(state: State, template: Template, *, inline: bool) -> None:
    """Refuse a template that does not parse, or an inline one that holds logic."""
    found = await state.check(template, inline=inline)
    if found.get("logic"):
        part = found["part"]
        raise bad_request(f"Inline templates support only simple substitutions: the {part} part holds logic.")
    if "error" in found:
        raise bad_request(f"Template is invalid: {found['part']}: {found['error']}")


def parse_data(text: str) -> dict[str, Any]:
    """Template data must be a JSON object."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad_request("Template data is not valid JSON.") from error
    if not isinstance(data, dict):
        raise bad_request("Template data must be a JSON object.")
    return data


def failure_of(result: dict[str, Any]) -> str:
    """Why a rendering failed, in SES's words; empty where it did not."""
    if "missing" in result:
        return f"Attribute '{result['missing']}' is not present in the rendering data."
    return str(result.get("error", ""))


async def resolve(state: State, content: dict[str, Any]) -> tuple[str, Template]:
    """Name and parts of the one template that a request names or brings."""
    given = [key for key in ("TemplateName", "TemplateArn", "TemplateContent") if content.get(key)]
    if not given or ("TemplateContent" in given and len(given) > 1):
        raise bad_request("A template needs one of TemplateName, TemplateArn and TemplateContent.")
    if "TemplateContent" in given:
        inline = content["TemplateContent"]
        if sum(len(text.encode()) for text in inline.values()) > _MAX_INLINE:
            raise bad_request("The inline template is larger than 1 MB.")
        template = parts_of(inline)
        await check(state, template, inline=True)
        return "", template
    name = content.get("TemplateName") or content["TemplateArn"].rpartition("/")[2]
    return name, parts_of(stored(state, name)["content"])


def dictionary_of(template: Template) -> str:
    """Text that the mails of a template have in common."""
    return "".join(text for text in template.values() if text)
