"""One mail to one person through the same limiter, client and call ledger as campaigns.

Test mails and mails about user accounts leave here. They have a call row and no delivery.
"""

from typing import Any, Final

from django.db import connection

from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock

from ..models import Call, CallKind, CallState
from . import clients, limiter, quota, timing

PATIENCE_S: Final = 15.0
TRIES: Final = 3


class NotSentNowError(errors.SesError):
    """Nothing was sent, and trying again later may help."""

    def __init__(self, message: str) -> None:
        super().__init__(Verdict.RETRY, "NotSentNow", message)


def send(*, request: dict[str, Any], kind: CallKind = CallKind.TEST) -> str:
    """Send one mail (a SendEmail request in SES's own shape); returns SES's message id.

    It goes out through the tenant that provisioning made. Waits up to 15 seconds for a rate token and repeats what SES
    provably did not accept because it was busy.
    Raises SesError; LostAnswerError means that the mail may have left. Also AwsConfigurationError.
    """
    sender = clients.sender()
    account = quota.current()
    words = quota.obstacle(account)
    if words:
        raise errors.RefusedCallError(Verdict.STOP, "SendingDisabled", words)
    bucket = quota.buckets(account)[0]
    if account.tenant:
        request = {**request, "TenantName": account.tenant}
    last: errors.SesError = NotSentNowError("The account's sending rate is used up; try again in a minute.")
    for _ in range(TRIES):
        if not _has_token(bucket):
            break
        try:
            return _call(sender, request, kind)
        except errors.SesError as error:
            last = error
            if error.verdict not in {Verdict.RETRY, Verdict.THROTTLED}:
                raise
            if error.verdict is Verdict.THROTTLED:
                clients.rate_limiter().slow_down(bucket)
    raise last


def _has_token(bucket: limiter.Bucket) -> bool:
    try:
        tokens = clients.rate_limiter().take(
            [bucket], most=1, patience=PATIENCE_S, claimant=limiter.SINGLE_MAILS
        )
    except limiter.LimiterUnavailableError as error:
        raise NotSentNowError("Redis is not there, and without it nothing is sent.") from error
    return tokens is not None


def _call(sender: ses.BulkSender, request: dict[str, Any], kind: CallKind) -> str:
    now = clock.now()
    row = Call.objects.create(
        kind=kind,
        configuration_set=request.get("ConfigurationSetName", ""),
        lease_until=now + timing.CALL_LEASE,
        started_at=now,
    )
    try:
        message_id = sender.send_email(request)
    except errors.SesError as error:
        lost = error.verdict is Verdict.LOST
        _close(row.pk, CallState.LOST if lost else CallState.RECORDED, str(error))
        raise
    _close(row.pk, CallState.RECORDED, "")
    return message_id


def _close(call_id: int, state: CallState, error: str) -> None:
    taken = None if state is CallState.LOST else int(not error)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE campaigns_call SET state = %s, error = %s, taken = %s, finished_at = %s"
            " WHERE id = %s AND state = 'in_flight'",
            [state.value, error[:500], taken, clock.now(), call_id],
        )
