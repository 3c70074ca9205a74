"""The AWS Query protocol, both ways, driven by botocore's model of the service."""

import re
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from .errors import ApiError, invalid_parameter
from .shapes import ServiceModel

_NUMBERED = re.compile(r"^(\d+)\.(.+)$")


def read_form(text: str) -> dict[str, str]:
    """Decode a form body or query string."""
    return dict(parse_qsl(text, keep_blank_values=True))


def parse_input(model: ServiceModel, action: str, form: dict[str, str]) -> dict[str, Any]:
    """The input structure of ``action``; refuses a missing required member as SNS does."""
    operation = model.model["operations"].get(action)
    if operation is None:
        raise ApiError("InvalidAction", f"The action {action} is not valid for this endpoint.")
    if "input" not in operation:
        return {}
    shape = model.shapes[operation["input"]["shape"]]
    value = {
        name: found
        for name, member in shape["members"].items()
        if (found := _read(model, member["shape"], member.get("locationName", name), form)) is not None
    }
    for name in shape.get("required", ()):
        if name not in value:
            raise invalid_parameter(f"{name} Reason: no value for required parameter")
    return value


def _read(model: ServiceModel, shape_name: str, prefix: str, form: dict[str, str]) -> Any:
    shape = model.shapes[shape_name]
    kind = shape["type"]
    if kind == "map":
        groups = _groups(f"{prefix}.entry.", form)
        key, value = shape["key"].get("locationName", "key"), shape["value"].get("locationName", "value")
        return {item.get(key, ""): item.get(value, "") for item in groups} or None
    if kind == "list":
        member = shape["member"]
        if model.shapes[member["shape"]]["type"] == "structure":
            return _groups(f"{prefix}.member.", form) or None
        start = f"{prefix}.member."
        return [value for name, value in sorted(form.items()) if name.startswith(start)] or None
    text = form.get(prefix)
    if text is None:
        return None
    return text == "true" if kind == "boolean" else text


def _groups(start: str, form: dict[str, str]) -> list[dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        part = _NUMBERED.match(name[len(start) :]) if name.startswith(start) else None
        if part:
            found.setdefault(int(part[1]), {})[part[2]] = value
    return [found[number] for number in sorted(found)]


def render(model: ServiceModel, action: str, output: dict[str, Any], request_id: str) -> bytes:
    """The XML answer of ``action``."""
    operation = model.model["operations"][action]
    namespace = model.model["metadata"]["xmlNamespace"]
    result = ""
    if "output" in operation:
        wrapper = operation["output"].get("resultWrapper", f"{action}Result")
        result = f"<{wrapper}>{_structure(model, operation['output']['shape'], output)}</{wrapper}>"
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="{namespace}">{result}{metadata}</{action}Response>'.encode()


def render_error(model: ServiceModel, error: ApiError, request_id: str) -> bytes:
    """The XML answer to a refused call."""
    namespace = model.model["metadata"]["xmlNamespace"]
    kind = "Receiver" if error.status >= 500 else "Sender"
    return (
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _structure(model: ServiceModel, shape_name: str, value: dict[str, Any]) -> str:
    members = model.shapes[shape_name]["members"]
    return "".join(
        _member(model, members[name]["shape"], name, item) for name, item in value.items() if name in members
    )


def _member(model: ServiceModel, shape_name: str, name: str, value: Any) -> str:
    shape = model.shapes[shape_name]
    kind = shape["type"]
    if kind == "structure":
        inner = _structure(model, shape_name, value)
    elif kind == "list":
        inner = "".join(_member(model, shape["member"]["shape"], "member", item) for item in value)
    elif kind == "map":
        pairs = (f"<key>{escape(key)}</key><value>{escape(text)}</value>" for key, text in value.items())
        inner = "".join(f"<entry>{pair}</entry>" for pair in pairs)
    else:
        inner = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{inner}</{name}>"
