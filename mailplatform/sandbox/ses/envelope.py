"""Who sends, under which configuration: the checks that every send call shares."""

import time
from dataclasses import dataclass
from typing import Any

from .. import limits
from ..constants import SIMULATOR_DOMAIN
from ..errors import ApiError, bad_request
from .addresses import address_of
from .identities import sender_identity
from .state import Params, State
from .tenants import check_members

MAX_RECIPIENTS = 50


@dataclass
class Envelope:
    """A sender that passed all checks."""

    operation: str
    source: str
    identity: str
    reply_to: list[str]
    set_name: str
    configuration_set: dict[str, Any] | None
    overrides: dict[str, str]

    @property
    def from_domain(self) -> str:
        """Domain of the From address."""
        return address_of(self.source).rpartition("@")[2]


def open_envelope(state: State, operation: str, params: Params, source: str) -> Envelope:
    """Check account, sender and configuration set; raise what SES answers for each."""
    _check_account(state)
    if not source:
        raise bad_request("Missing required header 'From'.")
    address = address_of(source)
    found = sender_identity(state, address)
    if found is None:
        raise unverified(state, [address])
    name, identity = found
    _check_mail_from(identity)
    for reply_to in params.get("ReplyToAddresses", ()):
        address_of(reply_to)
    _refuse_unsupported(params)
    set_name = params.get("ConfigurationSetName") or identity.get("ConfigurationSetName", "")
    configuration_set = state.configuration_set(set_name) if set_name else None
    if configuration_set and not configuration_set["options"].get("SendingOptions", {}).get(
        "SendingEnabled", True
    ):
        raise ApiError(
            "SendingPausedException", f"Email sending is disabled for configuration set <{set_name}>."
        )
    if params.get("TenantName"):
        check_members(state, params["TenantName"], _used(state, name, set_name, params))
    overrides = params.get("ConfigurationOverrides", {}).get("Tracking", {})
    return Envelope(
        operation, source, name, params.get("ReplyToAddresses", []), set_name, configuration_set, overrides
    )


def unverified(state: State, addresses: list[str]) -> ApiError:
    """SES's refusal of an address that must be verified and is not."""
    return ApiError("MessageRejected", unverified_text(state, addresses))


def unverified_text(state: State, addresses: list[str]) -> str:
    """The words of that refusal."""
    failed = f"The following identities failed the check in region {state.region.upper()}"
    return f"Email address is not verified. {failed}: {', '.join(addresses)}"


def unverified_recipients(state: State, recipients: list[str]) -> list[str]:
    """Addresses that an account without production access may not write to."""
    if state.account.production_access:
        return []
    return [
        address
        for address in recipients
        if not address.lower().endswith(f"@{SIMULATOR_DOMAIN}") and sender_identity(state, address) is None
    ]


def quota_left(state: State) -> float:
    """Recipients that the rolling day still allows."""
    limit = state.account.max_24_hour_send
    return float("inf") if limit < 0 else limit - state.quota.used(time.time())


def counted(recipients: list[str]) -> int:
    """Recipients that count against the daily quota: the simulator's do not."""
    return sum(not address.lower().endswith(f"@{SIMULATOR_DOMAIN}") for address in recipients)


def take_rate(state: State, count: int) -> None:
    """Spend rate tokens, one per recipient, or answer the throttle."""
    state.bucket.take(count)


def spend_quota(state: State, recipients: list[str]) -> None:
    """Count recipients of an accepted mail."""
    state.quota.add(counted(recipients), time.time())


def check_quota(state: State, recipients: list[str]) -> None:
    """Answer the day's quota."""
    if counted(recipients) > quota_left(state):
        raise limits.over_quota()


def _check_account(state: State) -> None:
    if state.account.enforcement_status == "SHUTDOWN":
        raise ApiError("AccountSuspendedException", "Your account has been suspended.")
    if not state.account.sending_enabled:
        raise ApiError("SendingPausedException", "Email sending is disabled for your account.")


def _check_mail_from(identity: dict[str, Any]) -> None:
    attributes = identity["MailFromAttributes"]
    if (
        attributes["MailFromDomainStatus"] == "PENDING"
        and attributes["BehaviorOnMxFailure"] == "REJECT_MESSAGE"
    ):
        domain = attributes["MailFromDomain"]
        raise ApiError(
            "MailFromDomainNotVerifiedException", f"The MAIL FROM domain {domain} is not verified."
        )


def _refuse_unsupported(params: Params) -> None:
    lists = params.get("ListManagementOptions", {}).get("ContactListName")
    if lists:
        raise ApiError("NotFoundException", f"List with name: {lists} doesn't exist.", 404)
    if params.get("EndpointId"):
        raise ApiError("NotFoundException", f"EndpointId <{params['EndpointId']}> does not exist.", 404)


def _used(state: State, identity: str, set_name: str, params: Params) -> list[str]:
    """ARNs of all that a call refers to. A template that is not there is told of later, by itself."""
    found = [state.arn("identity", identity)]
    if set_name:
        found.append(state.arn("configuration-set", set_name))
    content = (params.get("DefaultContent") or params.get("Content") or {}).get("Template", {})
    template = content.get("TemplateName") or content.get("TemplateArn", "").rpartition("/")[2]
    if template in state.templates:
        found.append(state.arn("template", template))
    return found
