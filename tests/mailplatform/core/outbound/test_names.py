"""DNS in plain values; no answer in time is said, and is no proof that there is nothing."""

from typing import Any

import dns.exception
import dns.resolver
import pytest

from mailplatform.core.outbound import names
from tests.factories.dns import resolving

LONG = "v=DKIM1; p=" + "A" * 400


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("CNAME", ["Key.dkim.AMAZONSES.com"], ["key.dkim.amazonses.com"]),
        (
            "MX",
            ["10 Feedback-smtp.eu-central-1.amazonses.com"],
            ["10 feedback-smtp.eu-central-1.amazonses.com"],
        ),
        ("TXT", ["v=spf1 include:amazonses.com ~all", LONG], ["v=spf1 include:amazonses.com ~all", LONG]),
        ("TXT", dns.resolver.NoAnswer, []),
        ("TXT", dns.resolver.NXDOMAIN, []),
    ],
)
def test_values_are_plain(
    monkeypatch: pytest.MonkeyPatch, kind: Any, answer: Any, expected: list[str]
) -> None:
    resolving(monkeypatch, {("shop.example", kind): answer})
    assert names.look_up("shop.example", kind) == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (dns.resolver.LifetimeTimeout, "DNS did not answer within 5 seconds."),
        (dns.resolver.NoNameservers, "The name servers of the domain answer with an error."),
        (dns.exception.SyntaxError, "DNS could not be asked (SyntaxError)."),
    ],
)
def test_no_answer_is_no_absence(
    monkeypatch: pytest.MonkeyPatch, error: type[dns.exception.DNSException], words: str
) -> None:
    resolving(monkeypatch, {("shop.example", "TXT"): error})
    with pytest.raises(names.Unanswered) as raised:
        names.look_up("shop.example", "TXT")
    assert str(raised.value) == words
