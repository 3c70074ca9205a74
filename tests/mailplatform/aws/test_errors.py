"""Every documented answer of SES, and what it proves."""

import pytest
from botocore.session import Session

from mailplatform.aws import errors
from mailplatform.aws.errors import Verdict

NOT_ACCEPTED = {Verdict.RETRY, Verdict.THROTTLED, Verdict.QUOTA, Verdict.STOP, Verdict.REFUSED}


@pytest.mark.parametrize(
    ("status", "code", "message", "verdict"),
    [
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", Verdict.THROTTLED),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Verdict.QUOTA),
        (400, "ThrottlingException", "Rate exceeded", Verdict.THROTTLED),
        (400, "LimitExceededException", "", Verdict.QUOTA),
        (400, "AccountSuspendedException", "", Verdict.STOP),
        (400, "SendingPausedException", "", Verdict.STOP),
        (400, "MessageRejected", "Email address is not verified.", Verdict.STOP),
        (400, "MailFromDomainNotVerifiedException", "", Verdict.STOP),
        (404, "NotFoundException", "Configuration set <x> does not exist.", Verdict.STOP),
        (400, "BadRequestException", "", Verdict.REFUSED),
        (409, "ConflictException", "", Verdict.RETRY),
        (403, "AccessDeniedException", "", Verdict.STOP),
        (403, "InvalidClientTokenId", "", Verdict.STOP),
        (403, "SignatureDoesNotMatch", "", Verdict.STOP),
        (403, "SignatureDoesNotMatch", "Signature expired: 20261121T1 is now earlier", Verdict.RETRY),
        (403, "InvalidSignatureException", "Signature expired: 20261121T1", Verdict.RETRY),
        (403, "ExpiredTokenException", "", Verdict.STOP),
        (400, "ValidationException", "", Verdict.REFUSED),
        (413, "RequestEntityTooLargeException", "", Verdict.REFUSED),
        # These prove nothing
        (500, "InternalServiceErrorException", "", Verdict.LOST),
        (500, "ConcurrentModificationException", "", Verdict.LOST),
        (503, "ServiceUnavailable", "", Verdict.LOST),
        (502, "", "", Verdict.LOST),
        (500, "TooManyRequestsException", "a proxy repeats a name", Verdict.LOST),
        (403, "", "", Verdict.LOST),
        (400, "SomethingNewException", "", Verdict.LOST),
        (302, "", "", Verdict.LOST),
    ],
)
def test_call_verdicts(status: int, code: str, message: str, verdict: Verdict) -> None:
    error = errors.call_error(status, code, message)
    assert error.verdict is verdict
    assert isinstance(error, errors.LostAnswerError) is (verdict is Verdict.LOST)
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("SUCCESS", Verdict.ACCEPTED),
        ("TRANSIENT_FAILURE", Verdict.RETRY),
        ("FAILED", Verdict.RETRY),
        ("ACCOUNT_THROTTLED", Verdict.THROTTLED),
        ("ACCOUNT_DAILY_QUOTA_EXCEEDED", Verdict.QUOTA),
        ("ACCOUNT_SUSPENDED", Verdict.STOP),
        ("ACCOUNT_SENDING_PAUSED", Verdict.STOP),
        ("CONFIGURATION_SET_SENDING_PAUSED", Verdict.STOP),
        ("MAIL_FROM_DOMAIN_NOT_VERIFIED", Verdict.STOP),
        ("CONFIGURATION_SET_NOT_FOUND", Verdict.STOP),
        ("TEMPLATE_NOT_FOUND", Verdict.STOP),
        ("INVALID_SENDING_POOL_NAME", Verdict.STOP),
        ("MESSAGE_REJECTED", Verdict.REFUSED),
        ("INVALID_PARAMETER", Verdict.REFUSED),
        ("A_STATUS_OF_NEXT_YEAR", Verdict.LOST),
        ("", Verdict.LOST),
    ],
)
def test_entry_verdicts(status: str, verdict: Verdict) -> None:
    assert errors.entry_verdict(status) is verdict


def test_the_table_knows_every_status_of_the_service_model() -> None:
    model = Session().get_service_model("sesv2")
    statuses = model.shape_for("BulkEmailStatus").enum  # type: ignore[attr-defined]
    assert set(statuses) == set(errors.ENTRY_VERDICTS)


@pytest.mark.parametrize("operation", ["SendEmail", "SendBulkEmail"])
def test_the_table_knows_every_exception_of_the_service_model(operation: str) -> None:
    model = Session().get_service_model("sesv2").operation_model(operation)
    assert {shape.name for shape in model.error_shapes} <= set(errors.CALL_VERDICTS)


def test_a_connection_that_never_came_about_may_be_tried_again() -> None:
    assert errors.NotReachedError("refused").verdict in NOT_ACCEPTED


def test_the_message_holds_code_and_words() -> None:
    assert str(errors.call_error(400, "BadRequestException", "no")) == "BadRequestException: no"
