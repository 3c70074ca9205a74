"""What a record says, in every state in which people leave their DNS."""

import pytest

from events import sender_dns
from events.sender_dns import Dmarc, Verdict

KEY = "abc.dkim.amazonses.com"
MX = "10 feedback-smtp.eu-central-1.amazonses.com"


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [([KEY], Verdict.FOUND), (["other.example"], Verdict.WRONG), ([], Verdict.MISSING)],
)
def test_dkim(seen: list[str], verdict: Verdict) -> None:
    assert sender_dns.dkim(seen, "ABC.dkim.amazonses.com")[0] == verdict


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        ([MX], Verdict.FOUND, ""),
        (["20 feedback-smtp.eu-central-1.amazonses.com"], Verdict.FOUND, ""),
        ([MX, "20 mail.example.eu"], Verdict.WRONG, "exactly one"),
        (["10 mail.example.eu"], Verdict.WRONG, "bounces would not reach Amazon"),
        ([], Verdict.MISSING, "SPF does not speak for yours"),
    ],
)
def test_mx_of_mail_from(seen: list[str], verdict: Verdict, words: str) -> None:
    found = sender_dns.mail_from_mx(seen, MX)
    assert found[0] == verdict
    assert words in found[1]


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (["v=spf1 include:amazonses.com ~all"], Verdict.FOUND, ""),
        (["V=SPF1 +include:amazonses.com -all", "google-site-verification=1"], Verdict.FOUND, ""),
        (["v=spf1 include:_spf.example.eu ~all"], Verdict.WRONG, "does not name Amazon"),
        (["v=spf1 include:amazonses.com +all"], Verdict.WRONG, "everybody"),
        (["v=spf1 include:amazonses.com all"], Verdict.WRONG, "everybody"),
        (["v=spf1 include:amazonses.com ~all", "v=spf1 -all"], Verdict.WRONG, "several"),
        (["v=spf10 include:amazonses.com"], Verdict.MISSING, "No server"),
        ([], Verdict.MISSING, "No server"),
    ],
)
def test_spf(seen: list[str], verdict: Verdict, words: str) -> None:
    found = sender_dns.spf(seen)
    assert found[0] == verdict
    assert words in found[1]


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (["v=spf1 include:_spf.provider.example ~all"], Verdict.FOUND, "cannot be known"),
        (["V=SPF1 ip4:192.0.2.0/24 A mx:mail.example.eu/30 -all", "x"], Verdict.FOUND, "cannot be known"),
        (["v=spf1 redirect=_spf.provider.example"], Verdict.FOUND, "cannot be known"),
        (["v=spf1 ip4:192.0.2.1 exp=why.example.eu x-new=1 -all"], Verdict.FOUND, "cannot be known"),
        (["v=spf1 -all"], Verdict.WRONG, "nobody may send"),
        (["v=spf1"], Verdict.WRONG, "nobody may send"),
        (["v=spf1 include:a.example +all"], Verdict.WRONG, "everybody"),
        (["v=spf1 include:a.example ~all", "v=spf1 -all"], Verdict.WRONG, "several"),
        (["v=spf1 includes:a.example ~all"], Verdict.WRONG, "an error at includes:a.example"),
        (["v=spf1 ip4 ~all"], Verdict.WRONG, "an error at ip4"),
        (["v=spf1 " + " ".join(f"include:p{n}.example" for n in range(10)) + " ~all"], Verdict.FOUND, ""),
        (
            ["v=spf1 " + " ".join(f"include:p{n}.example" for n in range(11)) + " ~all"],
            Verdict.WRONG,
            "More than 10",
        ),
        (["google-site-verification=1"], Verdict.MISSING, "No server"),
    ],
)
def test_spf_of_a_domain_whose_mail_an_smtp_server_sends(
    seen: list[str], verdict: Verdict, words: str
) -> None:
    found = sender_dns.own_spf(seen)
    assert found[0] == verdict
    assert words in found[1]


@pytest.mark.parametrize(
    ("own", "parent", "verdict", "policy"),
    [
        (
            ["v=DMARC1; p=reject; rua=mailto:d@example.eu"],
            [],
            Verdict.FOUND,
            Dmarc("reject", False, False, True),
        ),
        (["v=DMARC1;p=none;adkim=s;aspf=s"], [], Verdict.FOUND, Dmarc("none", True, True, False)),
        ([], ["v=DMARC1; p=reject; sp=quarantine"], Verdict.FOUND, Dmarc("quarantine", False, False, False)),
        ([], ["v=DMARC1; p=reject"], Verdict.FOUND, Dmarc("reject", False, False, False)),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], [], Verdict.WRONG, None),
        (["v=DMARC1; rua=mailto:d@example.eu"], [], Verdict.WRONG, None),
        (["v=DMARC1; p=everything"], [], Verdict.WRONG, None),
        (["something else"], [], Verdict.MISSING, None),
    ],
)
def test_dmarc(own: list[str], parent: list[str], verdict: Verdict, policy: Dmarc | None) -> None:
    found = sender_dns.dmarc(own, parent)
    assert found[0] == verdict
    assert found[2] == policy


@pytest.mark.parametrize(
    ("cnames", "addresses", "verdict"),
    [
        (["d1.cloudfront.net"], ["192.0.2.1"], Verdict.FOUND),
        ([], ["192.0.2.1"], Verdict.FOUND),
        (["r.eu-central-1.awstrack.me"], ["192.0.2.1"], Verdict.WRONG),
        ([], [], Verdict.MISSING),
    ],
)
def test_tracking_domain(cnames: list[str], addresses: list[str], verdict: Verdict) -> None:
    assert sender_dns.tracking(cnames, addresses, "r.eu-central-1.awstrack.me")[0] == verdict


@pytest.mark.parametrize(
    ("mx", "addresses", "verdict"),
    [
        (["10 mail.example.eu"], [], Verdict.FOUND),
        (["0 "], [], Verdict.WRONG),
        ([], ["192.0.2.1"], Verdict.FOUND),
        ([], [], Verdict.MISSING),
    ],
)
def test_replies(mx: list[str], addresses: list[str], verdict: Verdict) -> None:
    assert sender_dns.replies(mx, addresses)[0] == verdict


@pytest.mark.parametrize(
    ("domain", "parents"),
    [
        ("example.eu", []),
        ("mail.example.eu", ["example.eu"]),
        ("mail.example.co.uk", ["example.co.uk", "co.uk"]),
        ("a.b.c.eu", ["b.c.eu", "c.eu"]),
    ],
)
def test_the_domains_above(domain: str, parents: list[str]) -> None:
    assert sender_dns.parents_of(domain) == parents
