"""Alarms, the dashboard and rules that start something at a time: CloudWatch and EventBridge.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

import json
from typing import Any, Final

from .amazon import Amazon
from .model import Found, Resource, as_map, is_tagged, tags_of

WATCH: Final = "cloudwatch"
EVENTS: Final = "events"


class AlarmKind:
    """An alarm on one metric."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return all its properties."""
        alarms = amazon.call(WATCH, "describe_alarms", AlarmNames=[resource.name]).get("MetricAlarms") or []
        if not alarms:
            return None
        arn = alarms[0]["AlarmArn"]
        tags = amazon.call(WATCH, "list_tags_for_resource", ResourceARN=arn).get("Tags")
        return Found(alarms[0], is_tagged(as_map(tags), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it."""
        amazon.call(
            WATCH,
            "put_metric_alarm",
            AlarmName=resource.name,
            Tags=tags_of(resource),
            **resource.properties,
        )

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Replace it whole."""
        del names  # there are no parts to change
        amazon.call(WATCH, "put_metric_alarm", AlarmName=resource.name, **resource.properties)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it."""
        amazon.call(WATCH, "delete_alarms", AlarmNames=[resource.name])


class DashboardKind:
    """A page of figures. Ours by a sentence in it: Amazon's answer to reading it has no tags."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return what it shows."""
        answer = amazon.look(WATCH, "get_dashboard", DashboardName=resource.name)
        if answer is None:
            return None
        body = json.loads(answer["DashboardBody"])
        widgets = body.get("widgets", [])
        notes = [item.get("properties", {}).get("markdown") for item in widgets]
        wanted = resource.properties["Body"]["widgets"][0]["properties"]["markdown"]
        return Found({"Body": body}, wanted in notes)

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it."""
        body = json.dumps(resource.properties["Body"])
        amazon.call(WATCH, "put_dashboard", DashboardName=resource.name, DashboardBody=body)

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Replace it whole."""
        del names  # there are no parts to change
        self.create(amazon, resource)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it."""
        amazon.call(WATCH, "delete_dashboards", DashboardNames=[resource.name])


class RuleKind:
    """A rule of EventBridge that publishes to a topic at its times."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return when it acts and what it says to whom."""
        answer = amazon.look(EVENTS, "describe_rule", Name=resource.name)
        if answer is None:
            return None
        targets = amazon.call(EVENTS, "list_targets_by_rule", Rule=resource.name)["Targets"]
        tags = amazon.call(EVENTS, "list_tags_for_resource", ResourceARN=answer["Arn"])["Tags"]
        found: dict[str, Any] = {**answer, "Targets": {item["Id"]: item for item in targets}}
        return Found(found, is_tagged(as_map(tags), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it, then its target."""
        self._put(amazon, resource, Tags=tags_of(resource))
        self._aim(amazon, resource)

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Change the rule or its target."""
        if names - {"Targets"}:
            self._put(amazon, resource)
        if "Targets" in names:
            self._aim(amazon, resource)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it; its targets have to go first."""
        ids = list(resource.properties["Targets"])
        amazon.call(EVENTS, "remove_targets", Rule=resource.name, Ids=ids)
        amazon.call(EVENTS, "delete_rule", Name=resource.name)

    def _put(self, amazon: Amazon, resource: Resource, **more: Any) -> None:
        wanted = {name: value for name, value in resource.properties.items() if name != "Targets"}
        amazon.call(EVENTS, "put_rule", Name=resource.name, **wanted, **more)

    def _aim(self, amazon: Amazon, resource: Resource) -> None:
        targets = list(resource.properties["Targets"].values())
        answer = amazon.call(EVENTS, "put_targets", Rule=resource.name, Targets=targets)
        if answer.get("FailedEntryCount"):
            raise RuntimeError(
                f"EventBridge refused the target of {resource.name}: {answer['FailedEntries']}"
            )
