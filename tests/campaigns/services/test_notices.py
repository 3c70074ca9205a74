"""Notices to the team: each is told by itself."""

from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from campaigns.services import notices
from mailplatform.aws.errors import SesError, Verdict

UNVERIFIED, LOST = "unverified@example.eu", "lost@example.eu"


class Picky(EmailBackend):
    """Takes mail as Amazon SES does in its sandbox: not to everybody."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            if message.to == [UNVERIFIED]:
                raise SesError(Verdict.REFUSED, "MessageRejected", "Email address is not verified.")
            if message.to == [LOST]:
                raise SesError(Verdict.LOST, "LostAnswer")
        return int(super().send_messages(messages))


@pytest.fixture(autouse=True)
def _picky(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Picky"


@pytest.mark.parametrize(
    ("to", "is_told", "reached"),
    [
        ([UNVERIFIED], False, []),
        ([UNVERIFIED, "ann@example.eu", "zoe@example.eu"], True, ["ann@example.eu", "zoe@example.eu"]),
        (["ann@example.eu", UNVERIFIED], True, ["ann@example.eu"]),
        ([LOST, "zoe@example.eu"], True, ["zoe@example.eu"]),
        ([LOST], True, []),
        ([], True, []),
    ],
)
def test_one_who_cannot_be_told_keeps_it_from_nobody(
    to: list[str], is_told: bool, reached: list[str]
) -> None:
    assert notices.send(to=to, subject="Sent", text="It is sent.") is is_told
    assert [message.to[0] for message in mail.outbox] == reached
