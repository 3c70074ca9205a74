"""Routes and input rules of an AWS service, read from botocore's service model.

Nothing about SES's surface is written by hand: paths, members, lengths, patterns and enums come from
the model that the production client uses, so a newer botocore brings newer rules.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import orjson
from botocore.loaders import Loader

from .errors import ApiError
from .wire import Request

Json = dict[str, Any]
# A check returns the decoded value and appends a sentence for every broken rule.
Check = Callable[[Any, str, list[str]], Any]


class Operation:
    """One operation of a REST-JSON service."""

    def __init__(self, name: str, model: Json) -> None:
        self.name = name
        self.method: str = model["http"]["method"]
        self.uri: str = model["http"]["requestUri"].rstrip("/")
        self.input: str = model.get("input", {}).get("shape", "")
        parts = re.split(r"\{(\w+)\}", self.uri)
        self.names = parts[1::2]
        pattern = "([^/]+)".join(re.escape(part) for part in parts[0::2])
        self.pattern = re.compile(pattern + r"/?$")


class ServiceModel:
    """A botocore service description with route matching and server-side validation."""

    def __init__(self, service: str) -> None:
        self.model: Json = Loader().load_service_model(service, "service-2")
        self.shapes: Json = self.model["shapes"]
        self._checks: dict[str, Check] = {}

    @cached_property
    def operations(self) -> list[Operation]:
        """Operations, those with fewer variables first, so that fixed paths win."""
        found = [Operation(name, spec) for name, spec in self.model["operations"].items()]
        return sorted(found, key=lambda operation: len(operation.names))

    @cached_property
    def _by_method(self) -> dict[tuple[str, int], list[Operation]]:
        index: dict[tuple[str, int], list[Operation]] = {}
        for operation in self.operations:
            index.setdefault((operation.method, operation.uri.count("/")), []).append(operation)
        return index

    def match(self, method: str, raw_path: str) -> tuple[Operation, Json] | None:
        """Find the operation of a request and the values in its path."""
        path = raw_path.rstrip("/")
        for operation in self._by_method.get((method, path.count("/")), ()):
            found = operation.pattern.match(path)
            if found:
                return operation, dict(zip(operation.names, map(unquote, found.groups()), strict=True))
        return None

    def parse(self, operation: Operation, uri: Json, request: Request) -> Json:
        """Read and validate the input of a request; raise what SES answers for a bad one."""
        if not operation.input:
            return {}
        shape = self.shapes[operation.input]
        value = _read_body(request) if request.body else {}
        for name, member in shape.get("members", {}).items():
            where = member.get("location")
            key = member.get("locationName", name)
            if where == "uri":
                value[name] = uri[key]
            elif where == "querystring" and key in request.query:
                value[name] = self._from_query(member["shape"], request.query[key])
            elif where == "header" and key.lower() in request.headers:
                value[name] = request.headers[key.lower()]
        return self.validate(operation.input, value)

    def validate(self, shape: str, value: Json) -> Json:
        """Check ``value`` against ``shape``; decoded (blobs as bytes), unknown members left out."""
        problems: list[str] = []
        clean: Json = self._check(shape)(value, "", problems)
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
            raise ApiError("BadRequestException", count + "; ".join(problems[:10]))
        return clean

    def _from_query(self, shape_name: str, values: list[str]) -> Any:
        shape = self.shapes[shape_name]
        kind = shape["type"]
        if kind == "list":
            return values
        text = values[0]
        try:
            if kind in {"integer", "long"}:
                return int(text)
            if kind == "timestamp":
                return datetime.fromisoformat(text).timestamp()
        except ValueError as error:
            raise ApiError("SerializationException", f"{text!r} is not a {kind}") from error
        return text == "true" if kind == "boolean" else text

    def _check(self, name: str) -> Check:
        if name not in self._checks:
            # A recursive shape meets this placeholder, which looks the finished check up later.
            self._checks[name] = self._later(name)
            self._checks[name] = self._build(self.shapes[name])
        return self._checks[name]

    def _later(self, name: str) -> Check:
        def check(value: Any, path: str, problems: list[str]) -> Any:
            return self._checks[name](value, path, problems)

        return check

    def _build(self, shape: Json) -> Check:
        kind = shape["type"]
        if kind == "structure":
            return self._structure(shape)
        if kind == "list":
            return self._list(shape)
        if kind == "map":
            return self._map(shape)
        return _SCALARS[kind](shape)

    def _structure(self, shape: Json) -> Check:
        required = shape.get("required", ())
        checks = {name: self._check(member["shape"]) for name, member in shape.get("members", {}).items()}

        def check(value: Any, path: str, problems: list[str]) -> Json:
            if not isinstance(value, dict):
                raise _wrong_type(path, "structure")
            problems.extend(_missing(path, name) for name in required if value.get(name) is None)
            clean: Json = {}
            for name, item in value.items():
                if item is not None and name in checks:
                    clean[name] = checks[name](item, f"{path}.{name}", problems)
            return clean

        return check

    def _list(self, shape: Json) -> Check:
        member = self._check(shape["member"]["shape"])
        size = _length_check(shape)

        def check(value: Any, path: str, problems: list[str]) -> list[Any]:
            if not isinstance(value, list):
                raise _wrong_type(path, "list")
            size(value, path, problems)
            return [member(item, f"{path}.{n}.member", problems) for n, item in enumerate(value, 1)]

        return check

    def _map(self, shape: Json) -> Check:
        member = self._check(shape["value"]["shape"])

        def check(value: Any, path: str, problems: list[str]) -> Json:
            if not isinstance(value, dict):
                raise _wrong_type(path, "map")
            return {key: member(item, f"{path}.{key}", problems) for key, item in value.items()}

        return check


def _read_body(request: Request) -> Json:
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise ApiError("SerializationException", "The request body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise _wrong_type("", "structure")
    return value


def _missing(path: str, name: str) -> str:
    where = f"{path}.{name}".lstrip(".")
    return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _wrong_type(path: str, kind: str) -> ApiError:
    return ApiError(
        "SerializationException", f"Start of {kind} or matching type expected at '{path.lstrip('.')}'"
    )


def _length_check(shape: Json) -> Callable[[Any, str, list[str]], None]:
    low, high = shape.get("min"), shape.get("max")

    def check(value: Any, path: str, problems: list[str]) -> None:
        if low is not None and len(value) < low:
            problems.append(_broken(path, f"Member must have length greater than or equal to {low}"))
        if high is not None and len(value) > high:
            problems.append(_broken(path, f"Member must have length less than or equal to {high}"))

    return check


def _broken(path: str, rule: str) -> str:
    return f"Value at '{path.lstrip('.')}' failed to satisfy constraint: {rule}"


def _string(shape: Json) -> Check:
    size = _length_check(shape)
    allowed = frozenset(shape.get("enum", ()))
    # The model writes patterns for Java's matches(): the whole value.
    pattern = re.compile(shape["pattern"]) if "pattern" in shape else None

    def check(value: Any, path: str, problems: list[str]) -> str:
        if not isinstance(value, str):
            raise _wrong_type(path, "string")
        size(value, path, problems)
        if allowed and value not in allowed:
            names = ", ".join(sorted(allowed))
            problems.append(_broken(path, f"Member must satisfy enum value set: [{names}]"))
        if pattern and not pattern.fullmatch(value):
            problems.append(
                _broken(path, f"Member must satisfy regular expression pattern: {pattern.pattern}")
            )
        return value

    return check


def _number(shape: Json) -> Check:
    low, high = shape.get("min"), shape.get("max")

    def check(value: Any, path: str, problems: list[str]) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong_type(path, "number")
        if low is not None and value < low:
            problems.append(_broken(path, f"Member must have value greater than or equal to {low}"))
        if high is not None and value > high:
            problems.append(_broken(path, f"Member must have value less than or equal to {high}"))
        return value

    return check


def _boolean(_shape: Json) -> Check:
    def check(value: Any, path: str, _problems: list[str]) -> bool:
        if not isinstance(value, bool):
            raise _wrong_type(path, "boolean")
        return value

    return check


def _blob(_shape: Json) -> Check:
    def check(value: Any, path: str, _problems: list[str]) -> bytes:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise _wrong_type(path, "blob") from error

    return check


_SCALARS: dict[str, Callable[[Json], Check]] = {
    "string": _string,
    "integer": _number,
    "long": _number,
    "double": _number,
    "float": _number,
    "timestamp": lambda _shape: lambda value, _path, _problems: value,
    "boolean": _boolean,
    "blob": _blob,
}
