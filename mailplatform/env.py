"""Typed reading of environment variables. What makes no sense stops the start, with the variable's name.

`NAME_FILE` names a file that holds the value (Docker and systemd secrets); giving both is refused.
An empty value counts as absent. Nothing is read at import time.
"""

import builtins
import contextlib
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from mailplatform.core.smtp_server import SmtpAddressError, SmtpServer

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
SHORTEST_SECRET = 32
LARGEST_VALUE_FILE = 64 * 1024


class EnvError(Exception):
    """A variable is missing or holds nonsense."""


def str(
    name: builtins.str, default: builtins.str | None = None, *, choices: tuple[builtins.str, ...] = ()
) -> builtins.str:
    """Return the value without surrounding white space; without a default it is required."""
    value = _raw(name)
    if value is None:
        if default is None:
            raise EnvError(f"{name} is required")
        return default
    if choices and value not in choices:
        raise EnvError(f"{name} is {value!r}: expected one of {', '.join(choices)}")
    return value


def bool(name: builtins.str, *, default: builtins.bool = False) -> builtins.bool:
    """Return true for 1, true, yes, on; false for 0, false, no, off, in any case."""
    value = _raw(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise EnvError(f"{name} is {value!r}: expected yes or no")


def int(
    name: builtins.str,
    default: builtins.int,
    *,
    minimum: builtins.int = 0,
    maximum: builtins.int | None = None,
) -> builtins.int:
    """Return a whole number within its bounds, both included."""
    value = _raw(name)
    if value is None:
        return default
    try:
        number = builtins.int(value)
    except ValueError:
        raise EnvError(f"{name} is {value!r}: expected a whole number") from None
    if number < minimum or (maximum is not None and number > maximum):
        raise EnvError(f"{name} is {number}: expected {minimum} to {'any' if maximum is None else maximum}")
    return number


def float(
    name: builtins.str, default: builtins.float, *, above: builtins.float, maximum: builtins.float
) -> builtins.float:
    """Return a number greater than `above` and at most `maximum`."""
    value = _raw(name)
    if value is None:
        return default
    try:
        number = builtins.float(value)
    except ValueError:
        raise EnvError(f"{name} is {value!r}: expected a number") from None
    if not above < number <= maximum:
        raise EnvError(f"{name} is {value}: expected more than {above:g} and at most {maximum:g}")
    return number


def list(name: builtins.str, default: builtins.list[builtins.str]) -> builtins.list[builtins.str]:
    """Return the values between commas; empty ones are dropped."""
    value = _raw(name)
    if value is None:
        return default
    return [part.strip() for part in value.split(",") if part.strip()]


def url(name: builtins.str, default: builtins.str | None = None) -> builtins.str:
    """Return an http(s) address without its last slash, credentials, query or fragment."""
    value = str(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise EnvError(f"{name} is {value!r}: expected http://host or https://host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EnvError(f"{name} must hold no user, query or fragment")
    return value


def smtp(name: builtins.str, *, password: builtins.str) -> builtins.str:
    """Return the address of an SMTP server, '' when absent; see `core.smtp_server`."""
    value = str(name, "")
    if value:
        try:
            SmtpServer.read(value, password)
        except SmtpAddressError as error:
            raise EnvError(f"{name}: {error}") from None  # the value may hold a password
    return value


def secret(name: builtins.str, *, data_dir: Path) -> builtins.str:
    """Return a secret; without https one is made at the first start and kept in the data directory.

    A real site must name its secrets: its processes may run in several places, which must agree.
    """
    value = _raw(name)
    if value is None and _raw("PUBLIC_URL") is not None and str("PUBLIC_URL").startswith("https://"):
        raise EnvError(f"{name} is required where PUBLIC_URL is https; .env.example says how to make one")
    if value is None:
        return _kept_secret(data_dir / "keys" / name.lower())
    if len(value) < SHORTEST_SECRET:
        raise EnvError(f"{name} is too short: at least {SHORTEST_SECRET} characters")
    return value


def _raw(name: builtins.str) -> builtins.str | None:
    direct, file_name = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if direct and file_name:
        raise EnvError(f"{name} and {name}_FILE are both set: choose one")
    if not file_name:
        return direct or None
    try:
        with Path(file_name).open(encoding="utf-8") as file:
            return file.read(LARGEST_VALUE_FILE).strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise EnvError(f"{name}_FILE cannot be read: {error}") from None


def _kept_secret(path: Path) -> builtins.str:
    """Read the file, or make it: two processes at once agree, because only one link can succeed."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
