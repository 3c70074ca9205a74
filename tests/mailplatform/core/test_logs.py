import pytest

from mailplatform.core.logs import discreet


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("POST /u/eyJhbGciOi.abc/", "POST /u/…/"),
        ("GET /p/token/?lang=de", "GET /p/…/?…"),
        ("GET /v/token/", "GET /v/…/"),
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
