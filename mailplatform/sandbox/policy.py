"""A small reading of IAM resource policies: whether an AWS service may act on a resource.

Covers what SNS topics and SQS queues need: Principal, Action, Resource, and the string and ARN
conditions on the source. An unknown condition denies: better a refusal in the sandbox than a
surprise in production.
"""

from fnmatch import fnmatchcase
from typing import Any

import orjson

_EXACT = {"stringequals", "arnequals"}
_PATTERN = {"stringlike", "arnlike"}


def allows(policy: str, *, service: str, action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether ``policy`` (JSON) lets the service principal act; an explicit Deny wins."""
    try:
        document = orjson.loads(policy or "{}")
    except orjson.JSONDecodeError:
        return False
    statements = _listed(document.get("Statement"))
    context = {key.lower(): value for key, value in context.items()}
    effects = {
        statement.get("Effect")
        for statement in statements
        if _applies(statement, service, action, resource, context)
    }
    return "Allow" in effects and "Deny" not in effects


def _applies(statement: Any, service: str, action: str, resource: str, context: dict[str, str]) -> bool:
    return (
        _principal(statement.get("Principal"), service)
        and any(fnmatchcase(action.lower(), item.lower()) for item in _listed(statement.get("Action")))
        and any(fnmatchcase(resource, item) for item in _listed(statement.get("Resource")))
        and all(
            _condition(operator, tests, context)
            for operator, tests in (statement.get("Condition") or {}).items()
        )
    )


def _principal(principal: Any, service: str) -> bool:
    if principal == "*":
        return True
    # {"AWS": "*"} means accounts and users, not services.
    return isinstance(principal, dict) and service in _listed(principal.get("Service"))


def _condition(operator: str, tests: dict[str, Any], context: dict[str, str]) -> bool:
    kind = operator.lower()
    if kind not in _EXACT | _PATTERN:
        return False
    for key, wanted in tests.items():
        actual = context.get(key.lower())
        values = [str(item) for item in _listed(wanted)]
        if actual is None:
            return False
        # ArnEquals and ArnLike behave alike.
        exact = kind == "stringequals"
        if not any(actual == item if exact else fnmatchcase(actual, item) for item in values):
            return False
    return True


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
