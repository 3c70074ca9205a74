import logging
import logging.config

import pytest
from django.conf import settings

from mailplatform.core.logs import brief, discreet


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("POST /u/eyJhbGciOi.abc/", "POST /u/…/"),
        ("GET /p/token/?lang=de", "GET /p/…/?…"),
        ("GET /v/token/", "GET /v/…/"),
        ("POST /c/token/", "POST /c/…/"),
        ("GET /m/token/", "GET /m/…/"),
        ("POST /e/token/", "POST /e/…/"),
        ("GET /account/password/reset/key/2-abc-def/", "GET /account/password/reset/key/…/"),
        ("GET /subscribers/?q=ada@example.org", "GET /subscribers/?…"),
        ("GET /campaigns/", "GET /campaigns/"),
    ],
)
def test_secrets_and_searches_are_not_written(request_line: str, expected: str) -> None:
    event = discreet(None, "info", {"event": "request_started", "request": request_line})
    assert event == {"event": "request_started", "request": expected}


def test_nobodys_address_or_browser_is_written() -> None:
    event = discreet(None, "info", {"event": "x", "ip": "192.0.2.7", "user_agent": "Mozilla"})
    assert event == {"event": "x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("duplicate key: Key (email)=(ada@example.org) exists", "duplicate key: Key (email)=(…) exists"),
        ("Bad Request: /u/AbCdEfGh_-1/", "Bad Request: /u/…/"),
        ("is this a question? yes", "is this a question? yes"),
    ],
)
def test_every_text_of_a_line_is_looked_at(text: str, expected: str) -> None:
    assert discreet(None, "info", {"event": text, "error": text}) == {"event": expected, "error": expected}


def test_the_lines_of_libraries_are_discreet_too() -> None:
    config = logging.config.DictConfigurator(settings.LOGGING)
    formatter = config.configure_formatter(settings.LOGGING["formatters"]["line"])
    error = ValueError("no room for ada@example.org")
    record = logging.LogRecord(
        "django.request", logging.WARNING, "x.py", 1, "Bad Request: %s", ("/u/AbCdEf/",),
        (ValueError, error, None),
    )  # fmt: skip
    line = formatter.format(record)
    assert "Bad Request: /u/…/" in line
    assert "no room for …" in line
    assert "AbCdEf" not in line
    assert "ada@" not in line


@pytest.mark.parametrize(("status", "is_kept"), [(403, False), (404, False), (500, True)])
def test_a_refusal_is_one_line_and_a_fault_keeps_its_traceback(status: int, is_kept: bool) -> None:
    error = PermissionError("not for you")
    record = logging.LogRecord(
        "django.request", logging.WARNING, "x.py", 1, "Forbidden: %s", ("/settings/",),
        (PermissionError, error, None),
    )  # fmt: skip
    record.status_code = status
    assert brief(record)
    assert bool(record.exc_info) is is_kept
