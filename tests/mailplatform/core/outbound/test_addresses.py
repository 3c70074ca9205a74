"""No webhook goes into a network of our own, whatever the address or its name say."""

import ipaddress
import socket
from typing import Any

import pytest

from mailplatform.core.outbound import addresses


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "http://example.com/",
        "//example.com",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://[::1/",
        "https://example.com/ü",
        f"https://example.com/{'a' * 500}",
        "javascript:alert(1)",
        "https://exa\nmple.com/",
    ],
)
def test_addresses_that_cannot_be_used(url: str) -> None:
    with pytest.raises(addresses.NotAllowed):
        addresses.parse(url, allow_loopback=False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "[::1]", "[::]", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
        "[64:ff9b::a00:1]", "[2002:7f00:1::]", "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255", "2130706433",
        "0x7f.1",
    ],
)  # fmt: skip
def test_hosts_of_our_own_network_are_refused(host: str) -> None:
    target = addresses.parse(f"https://{host}/", allow_loopback=False)
    with pytest.raises(addresses.NotAllowed):
        addresses.resolve(target, allow_loopback=False)


def test_loopback_is_allowed_next_to_the_sandbox_and_nothing_else_is() -> None:
    target = addresses.parse("http://127.0.0.1:8080/hook?a=1", allow_loopback=True)
    assert (target.host_header, target.path) == ("127.0.0.1:8080", "/hook?a=1")
    assert addresses.resolve(target, allow_loopback=True) == ["127.0.0.1"]
    for host in ("http://10.0.0.1/", "http://93.184.215.14/", "http://169.254.169.254/"):
        with pytest.raises(addresses.NotAllowed):
            addresses.resolve(addresses.parse(host, allow_loopback=True), allow_loopback=True)


def test_name_with_one_public_and_one_private_address_is_refused(monkeypatch: Any) -> None:
    answers = [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: answers)
    target = addresses.parse("https://rebind.example/", allow_loopback=False)
    with pytest.raises(addresses.NotAllowed):
        addresses.resolve(target, allow_loopback=False)
    answers.pop()
    assert addresses.resolve(target, allow_loopback=False) == ["93.184.215.14"]


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "93.184.215.14"])
def test_public_addresses_are_public(text: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(text))
