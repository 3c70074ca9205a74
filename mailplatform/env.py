"""Typed reading of environment variables. What makes no sense stops the start, with the variable's name.

`NAME_FILE` names a file that holds the value (Docker and systemd secrets); giving both is refused.
Nothing is read at import time.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
LARGEST_SECRET_FILE = 64 * 1024


class EnvError(Exception):
    """A variable is missing or holds nonsense."""


def str(name: str, default: str | None = None, *, choices: tuple[str, ...] = ()) -> str:  # noqa: A001
    """The value without surrounding white space; an empty one counts as absent."""
    value = _raw(name)
    if value is None:
        if default is None:
            raise EnvError(f"{name} is required")
        return default
    if choices and value not in choices:
        raise EnvError(f"{name} is {value!r}: expected one of {', '.join(choices)}")
    return value
