"""What an answer of SES proves, for a whole call and for one entry of a bulk call.

SES has no idempotency token, so the only question that matters after a send is: *was it accepted?* Every
documented exception and per-entry status is in one of two tables here; whatever is in neither is a lost
answer and never retried. Sources: the botocore service model sesv2/2019-09-27 (exceptions, BulkEmailStatus)
and https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html.
"""

from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What the sender does next. All but ACCEPTED and LOST prove that SES took nothing."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # not accepted: again later, a limited number of times
    THROTTLED = "throttled"  # not accepted: slow down and again, without limit
    QUOTA = "quota"  # not accepted: the daily quota is used up, park the run
    STOP = "stop"  # not accepted: account or configuration, stop the run and say why
    REFUSED = "refused"  # not accepted: wrong for these recipients, final
    LOST = "lost"  # nobody knows: never a retry


CALL_VERDICTS: Final[dict[str, Verdict]] = {
    # SendEmail and SendBulkEmail, as the service model lists them
    "TooManyRequestsException": Verdict.THROTTLED,
    "LimitExceededException": Verdict.QUOTA,
    "AccountSuspendedException": Verdict.STOP,
    "SendingPausedException": Verdict.STOP,
    "MessageRejected": Verdict.STOP,
    "MailFromDomainNotVerifiedException": Verdict.STOP,
    "NotFoundException": Verdict.STOP,
    "BadRequestException": Verdict.REFUSED,
    # other SESv2
    "ConflictException": Verdict.RETRY,
    # common to all AWS services
    "ThrottlingException": Verdict.THROTTLED,
    "Throttling": Verdict.THROTTLED,
    "RequestLimitExceeded": Verdict.THROTTLED,
    "AccessDeniedException": Verdict.STOP,
    "AccessDenied": Verdict.STOP,
    "NotAuthorized": Verdict.STOP,
    "OptInRequired": Verdict.STOP,
    "UnrecognizedClientException": Verdict.STOP,
    "InvalidClientTokenId": Verdict.STOP,
    "InvalidAccessKeyId": Verdict.STOP,
    "MissingAuthenticationToken": Verdict.STOP,
    "MissingAuthenticationTokenException": Verdict.STOP,
    "IncompleteSignature": Verdict.STOP,
    "IncompleteSignatureException": Verdict.STOP,
    "InvalidSignatureException": Verdict.STOP,
    "SignatureDoesNotMatch": Verdict.STOP,
    "ExpiredToken": Verdict.STOP,
    "ExpiredTokenException": Verdict.STOP,
    "RequestExpired": Verdict.RETRY,
    "UnknownOperationException": Verdict.STOP,
    "ValidationError": Verdict.REFUSED,
    "ValidationException": Verdict.REFUSED,
    "SerializationException": Verdict.REFUSED,
    "MalformedHttpRequestException": Verdict.REFUSED,
    "RequestEntityTooLargeException": Verdict.REFUSED,
}

ENTRY_VERDICTS: Final[dict[str, Verdict]] = {
    "SUCCESS": Verdict.ACCEPTED,
    "TRANSIENT_FAILURE": Verdict.RETRY,
    "FAILED": Verdict.RETRY,
    "ACCOUNT_THROTTLED": Verdict.THROTTLED,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": Verdict.QUOTA,
    "ACCOUNT_SUSPENDED": Verdict.STOP,
    "ACCOUNT_SENDING_PAUSED": Verdict.STOP,
    "CONFIGURATION_SET_SENDING_PAUSED": Verdict.STOP,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": Verdict.STOP,
    "CONFIGURATION_SET_NOT_FOUND": Verdict.STOP,
    "TEMPLATE_NOT_FOUND": Verdict.STOP,
    "INVALID_SENDING_POOL_NAME": Verdict.STOP,
    "MESSAGE_REJECTED": Verdict.REFUSED,
    "INVALID_PARAMETER": Verdict.REFUSED,
}

# SES uses one code for the rate and for the daily quota; these are its documented words for the latter.
# https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
_DAILY_QUOTA_WORDS: Final = "daily message quota exceeded"
_SIGNATURE_CODES: Final = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})
_FIRST_SERVER_ERROR: Final = 500


class SesError(Exception):
    """A send call that did not return results. `verdict` says what that proves."""

    def __init__(self, verdict: Verdict, code: str, message: str = "", status: int | None = None) -> None:
        """Keep SES's own code and words; `status` is the HTTP status, or None when there was no answer."""
        super().__init__(f"{code}: {message}" if message else code)
        self.verdict = verdict
        self.code = code
        self.message = message
        self.status = status


class AccountUnreadableError(Exception):
    """GetAccount did not answer, so nobody knows the account's rate and quota."""


class NotReachedError(SesError):
    """No connection came about, so not a byte of the request left this machine."""

    def __init__(self, message: str) -> None:
        super().__init__(Verdict.RETRY, "NotReached", message)


class NotWrittenError(SesError):
    """A fault on our side before the first byte: nothing left this machine, and the next call would meet it again."""

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(Verdict.STOP, "NotWritten", f"{what}: {type(error).__name__}: {error}")


class LostAnswerError(SesError):
    """Something was written and no proof came back: the mail may have been accepted."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(Verdict.LOST, "LostAnswer", message, status)


class RefusedCallError(SesError):
    """A documented refusal: SES accepted nobody of this call."""


def call_error(status: int, code: str, message: str) -> SesError:
    """The error for an HTTP answer other than 200.

    `code` is the bare exception name. A 5xx proves nothing even with a documented name; nor does an unknown
    name.
    """
    if status >= _FIRST_SERVER_ERROR:
        return LostAnswerError(f"{code} {message}".strip(), status)
    verdict = CALL_VERDICTS.get(code)
    if verdict is None:
        return LostAnswerError(f"undocumented answer {status} {code} {message}".strip(), status)
    if verdict is Verdict.THROTTLED and _DAILY_QUOTA_WORDS in message.lower():
        verdict = Verdict.QUOTA
    if code in _SIGNATURE_CODES and "expired" in message.lower():
        # The process was frozen between signing and the socket; the credentials are sound.
        verdict = Verdict.RETRY
    return RefusedCallError(verdict, code, message, status)


def entry_verdict(status: str) -> Verdict:
    """What one entry's status proves; an unknown status proves nothing."""
    return ENTRY_VERDICTS.get(status, Verdict.LOST)
