"""Every reason that a delivery can have is said in plain words."""

import pytest

from campaigns.selectors import reasons
from campaigns.sending import record
from mailplatform.aws import errors
from mailplatform.aws.errors import Verdict
from subscribers.selectors import eligibility

FINAL = {Verdict.REFUSED, Verdict.RETRY}
CODES = [code for code, verdict in errors.CALL_VERDICTS.items() if verdict in FINAL]
STATUSES = [status for status, verdict in errors.ENTRY_VERDICTS.items() if verdict in FINAL]


@pytest.mark.parametrize("answer", [*CODES, *STATUSES, "NotReached", "NotSent"])
def test_what_ses_answers_is_explained(answer: str) -> None:
    assert record._reason(answer) in reasons.SES


@pytest.mark.parametrize("code", [*eligibility.REASONS, *reasons.OWN, *reasons.SES])
def test_words_are_no_codes(code: str) -> None:
    words = reasons.label(code)
    assert words
    assert "_" not in words


def test_what_is_new_stays_readable() -> None:
    assert reasons.label("something_new") == "Amazon SES: something new"
    assert reasons.label("") == ""
