"""Configuration sets and their event destinations."""

from collections.abc import Callable
from typing import Any

from ..constants import VALIDATION_MESSAGE
from ..errors import ApiError, already_exists, bad_request, not_found
from ..sns.service import Sns
from .state import Handler, Params, State, page
from .tenants import check_unused

_OPTIONS = {
    "PutConfigurationSetTrackingOptions": "TrackingOptions",
    "PutConfigurationSetDeliveryOptions": "DeliveryOptions",
    "PutConfigurationSetReputationOptions": "ReputationOptions",
    "PutConfigurationSetSendingOptions": "SendingOptions",
    "PutConfigurationSetSuppressionOptions": "SuppressionOptions",
    "PutConfigurationSetVdmOptions": "VdmOptions",
    "PutConfigurationSetArchivingOptions": "ArchivingOptions",
}
_KINDS = (
    "SnsDestination",
    "CloudWatchDestination",
    "KinesisFirehoseDestination",
    "EventBridgeDestination",
    "PinpointDestination",
)
_MAX_DESTINATIONS = 10
_POOLS_OF_AMAZON = frozenset({"ses-default-dedicated-pool", "ses-shared-pool"})


class ConfigurationSets:
    """Operations on configuration sets."""

    def __init__(self, state: State, sns: Sns) -> None:
        self._state = state
        self._sns = sns

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {
            "CreateConfigurationSet": self.create,
            "GetConfigurationSet": self.get,
            "ListConfigurationSets": self.list_all,
            "DeleteConfigurationSet": self.delete,
            "CreateConfigurationSetEventDestination": self.create_destination,
            "GetConfigurationSetEventDestinations": self.get_destinations,
            "UpdateConfigurationSetEventDestination": self.update_destination,
            "DeleteConfigurationSetEventDestination": self.delete_destination,
            **{operation: self._put(option) for operation, option in _OPTIONS.items()},
        }

    async def create(self, params: Params) -> Params:
        """Create a set with its options."""
        name = params["ConfigurationSetName"]
        if (
            not name
            or len(name) > 64
            or not name.replace("-", "").replace("_", "").isalnum()
            or not name.isascii()
        ):
            raise bad_request(
                f"Invalid configuration set name <{name}>: only alphanumeric, '_' and '-' are allowed."
            )
        if name in self._state.sets:
            raise already_exists(f"Configuration set <{name}> already exists.")
        self._check_redirect_domain(params.get("TrackingOptions", {}))
        self._check_pool(params.get("DeliveryOptions", {}))
        options = {option: params[option] for option in (*_OPTIONS.values(), "Tags") if option in params}
        options.setdefault("SendingOptions", {"SendingEnabled": True})
        options.setdefault("ReputationOptions", {"ReputationMetricsEnabled": False})
        options.setdefault("DeliveryOptions", {"TlsPolicy": "OPTIONAL"})
        self._state.sets.put(name, {"options": options, "destinations": []})
        return {}

    async def get(self, params: Params) -> Params:
        """One set."""
        name = params["ConfigurationSetName"]
        return {"ConfigurationSetName": name, "Tags": [], **self._state.configuration_set(name)["options"]}

    async def list_all(self, params: Params) -> Params:
        """Names of all sets: plain strings in version 2."""
        return page("ConfigurationSets", [name for name, _ in self._state.sets.items()], params)

    async def delete(self, params: Params) -> Params:
        """Delete a set with its destinations."""
        self._state.configuration_set(params["ConfigurationSetName"])
        check_unused(self._state, self._state.arn("configuration-set", params["ConfigurationSetName"]))
        self._state.sets.remove(params["ConfigurationSetName"])
        return {}

    def _put(self, option: str) -> Handler:
        async def put(params: Params) -> Params:
            name = params["ConfigurationSetName"]
            found = self._state.configuration_set(name)
            value = {key: item for key, item in params.items() if key != "ConfigurationSetName"}
            if option == "TrackingOptions":
                self._check_redirect_domain(value)
            if option == "DeliveryOptions":
                self._check_pool(value)
            found["options"][option] = value.get("VdmOptions", {}) if option == "VdmOptions" else value
            self._state.sets.put(name, found)
            return {}

        return put

    async def create_destination(self, params: Params) -> Params:
        """Add a destination; SES checks that it can publish and says so on the topic."""
        found = self._state.configuration_set(params["ConfigurationSetName"])
        name = params["EventDestinationName"]
        if any(item["Name"] == name for item in found["destinations"]):
            raise already_exists(f"Event destination <{name}> already exists.")
        if len(found["destinations"]) >= _MAX_DESTINATIONS:
            raise ApiError(
                "LimitExceededException", f"A configuration set has at most {_MAX_DESTINATIONS} destinations."
            )
        self._save(params, found, lambda new: [*found["destinations"], new])
        return {}

    async def get_destinations(self, params: Params) -> Params:
        """All destinations of a set."""
        return {
            "EventDestinations": self._state.configuration_set(params["ConfigurationSetName"])["destinations"]
        }

    async def update_destination(self, params: Params) -> Params:
        """Replace a destination's definition."""
        found = self._state.configuration_set(params["ConfigurationSetName"])
        self._find(found, params["EventDestinationName"])
        kept = [item for item in found["destinations"] if item["Name"] != params["EventDestinationName"]]
        self._save(params, found, lambda new: [*kept, new])
        return {}

    async def delete_destination(self, params: Params) -> Params:
        """Remove a destination."""
        found = self._state.configuration_set(params["ConfigurationSetName"])
        found["destinations"].remove(self._find(found, params["EventDestinationName"]))
        self._state.sets.put(params["ConfigurationSetName"], found)
        return {}

    def _find(self, found: dict[str, Any], name: str) -> dict[str, Any]:
        for item in found["destinations"]:
            if item["Name"] == name:
                destination: dict[str, Any] = item
                return destination
        raise not_found(f"Event destination <{name}> does not exist.")

    def _save(
        self, params: Params, found: dict[str, Any], merge: Callable[[dict[str, Any]], list[dict[str, Any]]]
    ) -> None:
        definition = params["EventDestination"]
        kinds = [kind for kind in _KINDS if kind in definition]
        if len(kinds) != 1:
            raise bad_request(
                "An event destination must have exactly one destination: one, and only one, of "
                + ", ".join(_KINDS)
            )
        if not definition.get("MatchingEventTypes"):
            raise bad_request("An event destination must match at least one event type.")
        topic = definition.get("SnsDestination", {}).get("TopicArn")
        if topic:
            self._check_topic(topic, params["ConfigurationSetName"])
        new = {"Enabled": False, **definition, "Name": params["EventDestinationName"]}
        found["destinations"] = merge(new)
        self._state.sets.put(params["ConfigurationSetName"], found)
        if topic:
            self._sns.publish(topic, VALIDATION_MESSAGE)

    def _check_topic(self, topic: str, configuration_set: str) -> None:
        if not self._sns.may_publish(topic, configuration_set=configuration_set):
            raise bad_request(
                f"Could not publish to SNS topic <{topic}>: it must exist in this account and Region, and its "
                "access policy must let ses.amazonaws.com publish."
            )

    def _check_pool(self, options: dict[str, Any]) -> None:
        name = options.get("SendingPoolName")
        if name and name not in self._state.pools and name not in _POOLS_OF_AMAZON:
            raise bad_request(f"SendingPool <{name}> doesn't exist.")

    def _check_redirect_domain(self, options: dict[str, Any]) -> None:
        domain = options.get("CustomRedirectDomain")
        if not domain:
            return
        labels = domain.split(".")
        parents = [".".join(labels[n:]) for n in range(len(labels) - 1)]
        if not any(
            (self._state.identities.get(name) or {}).get("VerifiedForSendingStatus") for name in parents
        ):
            raise bad_request(f"Custom redirect domain <{domain}> is not verified.")
