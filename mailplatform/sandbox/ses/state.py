"""What SES keeps for one account and Region, shared by the modules that implement its operations."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Config
from ..constants import ACCOUNT_ID
from ..errors import ApiError, not_found
from ..handlebars import Engine, EngineError, Template
from ..limits import DailyQuota, TokenBucket
from ..mailbox import Mailbox
from ..misbehaviour import Misbehaviour
from ..storage import Storage

Params = dict[str, Any]
Handler = Callable[[Params], Awaitable[Params]]
_PAGE = 100


@dataclass
class Account:
    """The settings of the account that SES would change on request."""

    max_send_rate: float
    max_24_hour_send: float
    production_access: bool
    auto_verify: bool
    sending_enabled: bool = True
    enforcement_status: str = "HEALTHY"
    suppressed_reasons: tuple[str, ...] = ("BOUNCE", "COMPLAINT")
    vdm_enabled: bool = False
    engagement_metrics: str = "ENABLED"  # counts while Virtual Deliverability Manager is on


class State:
    """Tables, quotas and helpers."""

    def __init__(self, config: Config, storage: Storage, mailbox: Mailbox, engine: Engine) -> None:
        self.config = config
        self.region = config.region
        self.identities = storage.table("identity")
        self.sets = storage.table("configuration-set")
        self.templates = storage.table("template")
        self.suppressed = storage.table("suppressed")
        self.tenants = storage.table("tenant")
        self.pools = storage.table("pool")
        self.mailbox = mailbox
        self.engine = engine
        self.misbehaviour = Misbehaviour()
        self.account, self.bucket, self.quota = self._fresh()

    def reset(self) -> None:
        """A new account with the settings of the start."""
        tables = (self.identities, self.sets, self.templates, self.suppressed, self.tenants, self.pools)
        for table in tables:
            table.clear()
        self.account, self.bucket, self.quota = self._fresh()

    def _fresh(self) -> tuple[Account, TokenBucket, DailyQuota]:
        config = self.config
        account = Account(
            config.max_send_rate, config.max_24_hour_send, config.production_access, config.auto_verify
        )
        return account, TokenBucket(config.max_send_rate, config.burst_seconds), DailyQuota()

    def arn(self, kind: str, name: str) -> str:
        """ARN of an SES resource."""
        return f"arn:aws:ses:{self.region}:{ACCOUNT_ID}:{kind}/{name}"

    def configuration_set(self, name: str) -> dict[str, Any]:
        """A configuration set, or SES's 404."""
        found = self.sets.get(name)
        if found is None:
            raise not_found(f"Configuration set <{name}> does not exist.")
        return found

    def suppression_reasons(self, configuration_set: dict[str, Any] | None) -> Sequence[str]:
        """Reasons in effect: the set's own where it has any, else the account's."""
        options = (configuration_set or {}).get("options", {}).get("SuppressionOptions")
        if options is not None and "SuppressedReasons" in options:
            reasons: list[str] = options["SuppressedReasons"]
            return reasons
        return self.account.suppressed_reasons

    def measures(self, configuration_set: str) -> bool:
        """Whether engagement metrics are on: the set's own choice, else the account's; never without VDM."""
        if not self.account.vdm_enabled:
            return False
        found = self.sets.get(configuration_set) if configuration_set else None
        options = ((found or {}).get("options", {}).get("VdmOptions") or {}).get("DashboardOptions") or {}
        return bool(options.get("EngagementMetrics", self.account.engagement_metrics) == "ENABLED")

    def suppression_of(self, address: str) -> dict[str, Any] | None:
        """The entry that stops this address; sending ignores case though managing does not."""
        return self.suppressed.find(address)

    def suppress(self, address: str, reason: str, message_id: str = "", feedback_id: str = "") -> None:
        """Put an address on the account's list."""
        attributes = {"MessageId": message_id, "FeedbackId": feedback_id} if message_id else {}
        entry = {
            "EmailAddress": address,
            "Reason": reason,
            "LastUpdateTime": time.time(),
            "Attributes": attributes,
        }
        self.suppressed.put(address, entry)

    async def render(self, template: Template, data: list[Any]) -> list[dict[str, Any]]:
        """Render, or answer 500: a broken engine must never look like a broken template."""
        try:
            return await self.engine.render(template, data)
        except EngineError as error:
            raise engine_failure(error) from error

    async def check(self, template: Template, *, inline: bool = False) -> dict[str, Any]:
        """Check a template, or answer 500."""
        try:
            return await self.engine.check(template, inline=inline)
        except EngineError as error:
            raise engine_failure(error) from error


def engine_failure(error: EngineError) -> ApiError:
    """SES's internal error."""
    return ApiError("InternalServiceErrorException", str(error), 500)


def page(name: str, items: list[Any], params: Params, size: int = _PAGE) -> Params:
    """One page of a list; the token is a position."""
    token = params.get("NextToken", "0")
    if not token.isdigit():
        raise ApiError("InvalidNextTokenException", "The specified token is invalid.")
    start, length = int(token), int(params.get("PageSize") or size)
    answer: Params = {name: items[start : start + length]}
    if start + length < len(items):
        answer["NextToken"] = str(start + length)
    return answer
