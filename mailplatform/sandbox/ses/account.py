"""GetAccount, sending switches and the account's suppression list."""

import time
from typing import Any

from ..constants import SIMULATOR_DOMAIN
from ..errors import bad_request, not_found
from .addresses import address_of
from .state import Handler, Params, State, page


class AccountApi:
    """Account-level operations."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {
            "GetAccount": self.get_account,
            "PutAccountSendingAttributes": self.put_sending,
            "PutAccountSuppressionAttributes": self.put_suppression,
            "PutAccountVdmAttributes": self.put_vdm,
            "PutSuppressedDestination": self.put_destination,
            "GetSuppressedDestination": self.get_destination,
            "DeleteSuppressedDestination": self.delete_destination,
            "ListSuppressedDestinations": self.list_destinations,
        }

    async def get_account(self, _params: Params) -> Params:
        """Quota, rate and whether the account may send."""
        account = self._state.account
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": account.enforcement_status,
            "ProductionAccessEnabled": account.production_access,
            "SendQuota": {
                "Max24HourSend": account.max_24_hour_send,
                "MaxSendRate": account.max_send_rate,
                "SentLast24Hours": float(self._state.quota.used(time.time())),
            },
            "SendingEnabled": account.sending_enabled,
            "SuppressionAttributes": {"SuppressedReasons": list(account.suppressed_reasons)},
            "VdmAttributes": self._vdm(),
        }

    async def put_sending(self, params: Params) -> Params:
        """Pause or resume all sending."""
        self._state.account.sending_enabled = params.get("SendingEnabled", False)
        return {}

    async def put_suppression(self, params: Params) -> Params:
        """Set the reasons for which addresses are added."""
        self._state.account.suppressed_reasons = tuple(params.get("SuppressedReasons", ()))
        return {}

    async def put_vdm(self, params: Params) -> Params:
        """Switch Virtual Deliverability Manager; its engagement metrics are on unless they are switched off."""
        attributes = params["VdmAttributes"]
        dashboard = attributes.get("DashboardAttributes") or {}
        self._state.account.vdm_enabled = attributes["VdmEnabled"] == "ENABLED"
        self._state.account.engagement_metrics = dashboard.get("EngagementMetrics", "ENABLED")
        return {}

    async def put_destination(self, params: Params) -> Params:
        """Suppress an address."""
        address = address_of(params["EmailAddress"])
        if address.lower().endswith(f"@{SIMULATOR_DOMAIN}"):
            raise bad_request("Simulator addresses cannot be added to the suppression list.")
        if not self._state.account.production_access:
            raise bad_request(
                "Your account is in the sandbox and cannot add addresses to the suppression list."
            )
        self._state.suppress(address, params["Reason"])
        return {}

    async def get_destination(self, params: Params) -> Params:
        """One entry; the case of the address matters here."""
        return {"SuppressedDestination": self._entry(params["EmailAddress"])}

    async def delete_destination(self, params: Params) -> Params:
        """Remove an entry."""
        self._entry(params["EmailAddress"])
        self._state.suppressed.remove(params["EmailAddress"])
        return {}

    async def list_destinations(self, params: Params) -> Params:
        """Entries by reason and time."""
        reasons = params.get("Reasons")
        start, end = params.get("StartDate", 0.0), params.get("EndDate", float("inf"))
        found = [
            {key: item[key] for key in ("EmailAddress", "Reason", "LastUpdateTime")}
            for _, item in self._state.suppressed.items()
            if (not reasons or item["Reason"] in reasons) and start <= item["LastUpdateTime"] <= end
        ]
        return page("SuppressedDestinationSummaries", found, params, 1000)

    def _vdm(self) -> Params:
        account = self._state.account
        if not account.vdm_enabled:
            return {"VdmEnabled": "DISABLED"}
        dashboard = {"EngagementMetrics": account.engagement_metrics}
        return {"VdmEnabled": "ENABLED", "DashboardAttributes": dashboard}

    def _entry(self, address: str) -> dict[str, Any]:
        found = self._state.suppressed.get(address)
        if found is None:
            raise not_found(f"Email address {address} does not exist on your suppression list.")
        return found
