"""Words for the mouth of DNS: the edge at which tests end."""

from typing import Any

import dns.resolver
import pytest


class _Row:
    """One record as dnspython hands it out, whatever its kind."""

    def __init__(self, text: str) -> None:
        first, _, rest = text.partition(" ")
        self.strings = [text[at : at + 255].encode() for at in range(0, len(text), 255)]
        self.target = self.address = f"{text}."
        self.preference, self.exchange = first, f"{rest}."


def resolving(monkeypatch: pytest.MonkeyPatch, answers: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """Answer (name, kind) with a list of texts, or raise the error that stands there; all else does not exist.

    Returns the questions, filled as they are asked.
    """
    asked: list[tuple[str, str]] = []

    def resolve(name: str, kind: str, *, lifetime: float) -> list[_Row]:
        assert 0 < lifetime <= 5
        asked.append((name, kind))
        answer = answers.get((name, kind), dns.resolver.NXDOMAIN)
        if isinstance(answer, type):
            raise answer
        return [_Row(text) for text in answer]

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    return asked
