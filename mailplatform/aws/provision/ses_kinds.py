"""Identities, configuration sets, their event destinations, pools, tenants and the account in SES.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/Welcome.html
"""

import time
from typing import Any, Final

from botocore.exceptions import ClientError

from .amazon import Amazon
from .model import OF_A_STACK, Found, Kept, Resource, as_map, is_of_stack, is_tagged, tags_of

SES: Final = "sesv2"
# A topic policy set a moment ago may take some seconds to be seen by SES.
TRIES_TO_REACH_TOPIC: Final = 6
TRY_AGAIN_SECONDS: Final = 2


class IdentityKind:
    """A domain (with DKIM and its own MAIL FROM) or one address."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return key length and MAIL FROM. A key of one's own (BYODKIM) is taken as it is."""
        answer = amazon.look(SES, "get_email_identity", EmailIdentity=resource.name)
        if answer is None:
            return None
        dkim, mail_from = answer.get("DkimAttributes") or {}, answer.get("MailFromAttributes") or {}
        found = {
            "DkimKeyLength": dkim.get("NextSigningKeyLength"),
            "MailFromDomain": mail_from.get("MailFromDomain"),
            "BehaviorOnMxFailure": mail_from.get("BehaviorOnMxFailure"),
        }
        if dkim.get("SigningAttributesOrigin") == "EXTERNAL":
            found["DkimKeyLength"] = resource.properties.get("DkimKeyLength")
        return Found(found, is_tagged(as_map(answer.get("Tags")), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it. An address is sent Amazon's mail with a link."""
        options: dict[str, Any] = {}
        if length := resource.properties.get("DkimKeyLength"):
            options["DkimSigningAttributes"] = {"NextSigningKeyLength": length}
        amazon.call(
            SES, "create_email_identity", EmailIdentity=resource.name, Tags=tags_of(resource), **options
        )
        self.change(amazon, resource, frozenset(resource.properties) - {"DkimKeyLength"})

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Ask for longer keys (the old ones go on until the new are in DNS), set MAIL FROM."""
        wanted = resource.properties
        if "DkimKeyLength" in names:
            amazon.call(
                SES,
                "put_email_identity_dkim_signing_attributes",
                EmailIdentity=resource.name,
                SigningAttributesOrigin="AWS_SES",
                SigningAttributes={"NextSigningKeyLength": wanted["DkimKeyLength"]},
            )
        if names & {"MailFromDomain", "BehaviorOnMxFailure"}:
            amazon.call(
                SES,
                "put_email_identity_mail_from_attributes",
                EmailIdentity=resource.name,
                MailFromDomain=wanted["MailFromDomain"],
                BehaviorOnMxFailure=wanted["BehaviorOnMxFailure"],
            )

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it: nothing can be sent from it any more."""
        amazon.call(SES, "delete_email_identity", EmailIdentity=resource.name)


class SetKind:
    """A configuration set. Whether it may send is left alone: somebody may have paused it on purpose."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return the options that we set."""
        answer = amazon.look(SES, "get_configuration_set", ConfigurationSetName=resource.name)
        if answer is None:
            return None
        delivery, tracking = answer.get("DeliveryOptions") or {}, answer.get("TrackingOptions") or {}
        dashboard = (answer.get("VdmOptions") or {}).get("DashboardOptions") or {}
        found = {
            "TlsPolicy": delivery.get("TlsPolicy", "OPTIONAL"),
            "SendingPoolName": delivery.get("SendingPoolName"),
            "ReputationMetricsEnabled": bool(
                (answer.get("ReputationOptions") or {}).get("ReputationMetricsEnabled")
            ),
            "SuppressedReasons": sorted(
                (answer.get("SuppressionOptions") or {}).get("SuppressedReasons") or []
            ),
            # Where it is not said, the account's settings hold, and these may measure everybody.
            "EngagementMetrics": dashboard.get("EngagementMetrics"),
            "CustomRedirectDomain": tracking.get("CustomRedirectDomain"),
            "HttpsPolicy": tracking.get("HttpsPolicy"),
        }
        return Found(found, is_tagged(as_map(answer.get("Tags")), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it with all its options at once."""
        wanted = resource.properties
        options: dict[str, Any] = {
            "DeliveryOptions": _picked(wanted, "TlsPolicy", "SendingPoolName"),
            "ReputationOptions": _picked(wanted, "ReputationMetricsEnabled"),
            "SuppressionOptions": _picked(wanted, "SuppressedReasons"),
            "SendingOptions": {"SendingEnabled": True},
            "VdmOptions": {"DashboardOptions": _picked(wanted, "EngagementMetrics")},
        }
        if wanted.get("CustomRedirectDomain"):
            options["TrackingOptions"] = _picked(wanted, "CustomRedirectDomain", "HttpsPolicy")
        amazon.call(
            SES,
            "create_configuration_set",
            ConfigurationSetName=resource.name,
            Tags=tags_of(resource),
            **options,
        )

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Change group by group. A group is replaced whole, so what somebody added to it is named again."""
        name, wanted = resource.name, resource.properties
        answer: dict[str, Any] = {}
        if names & {"TlsPolicy", "SendingPoolName", "EngagementMetrics"}:
            answer = amazon.call(SES, "get_configuration_set", ConfigurationSetName=name)
        if names & {"TlsPolicy", "SendingPoolName"}:
            kept = _picked(answer.get("DeliveryOptions") or {}, "SendingPoolName", "MaxDeliverySeconds")
            kept |= {
                option: wanted[option] for option in ("TlsPolicy", "SendingPoolName") if option in wanted
            }
            kept = _picked(kept, *kept)
            amazon.call(SES, "put_configuration_set_delivery_options", ConfigurationSetName=name, **kept)
        groups = {
            "put_configuration_set_reputation_options": ("ReputationMetricsEnabled",),
            "put_configuration_set_suppression_options": ("SuppressedReasons",),
            # Without a domain the one that was there is taken off.
            "put_configuration_set_tracking_options": ("CustomRedirectDomain", "HttpsPolicy"),
        }
        for operation, members in groups.items():
            if names & set(members):
                amazon.call(SES, operation, ConfigurationSetName=name, **_picked(wanted, *members))
        if "EngagementMetrics" in names:
            options = _picked(answer.get("VdmOptions") or {}, "GuardianOptions")
            options["DashboardOptions"] = _picked(wanted, "EngagementMetrics")
            amazon.call(
                SES, "put_configuration_set_vdm_options", ConfigurationSetName=name, VdmOptions=options
            )

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it with its event destinations."""
        amazon.call(SES, "delete_configuration_set", ConfigurationSetName=resource.name)


class DestinationKind:
    """Where a configuration set publishes its events. Named `set/destination`; ours by its name."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return the destination; event types in order."""
        name, destination = resource.name.split("/")
        answer = amazon.look(SES, "get_configuration_set_event_destinations", ConfigurationSetName=name)
        for item in (answer or {}).get("EventDestinations", ()):
            if item["Name"] == destination:
                types = sorted(item.get("MatchingEventTypes") or [])
                return Found({**item, "MatchingEventTypes": types})
        return None

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it; SES tries whether it may publish to the topic."""
        self._save(amazon, resource, "create_configuration_set_event_destination")

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Replace it whole."""
        del names  # there are no parts to change
        self._save(amazon, resource, "update_configuration_set_event_destination")

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it: the events of this set are no longer told."""
        name, destination = resource.name.split("/")
        answer = amazon.look(SES, "get_configuration_set", ConfigurationSetName=name) or {}
        if is_of_stack(as_map(answer.get("Tags"))):
            raise Kept(OF_A_STACK)
        amazon.call(
            SES,
            "delete_configuration_set_event_destination",
            ConfigurationSetName=name,
            EventDestinationName=destination,
        )

    def _save(self, amazon: Amazon, resource: Resource, operation: str) -> None:
        name, destination = resource.name.split("/")
        for remaining in reversed(range(TRIES_TO_REACH_TOPIC)):
            try:
                amazon.call(
                    SES,
                    operation,
                    ConfigurationSetName=name,
                    EventDestinationName=destination,
                    EventDestination=dict(resource.properties),
                )
            except ClientError as error:
                is_topic = "SnsDestination" in resource.properties
                refused = error.response.get("Error", {}).get("Code") == "BadRequestException"
                if not (remaining and is_topic and refused):
                    raise
                time.sleep(TRY_AGAIN_SECONDS)
            else:
                return


class PoolKind:
    """A pool of dedicated addresses."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return its scaling mode."""
        answer = amazon.look(SES, "get_dedicated_ip_pool", PoolName=resource.name)
        if answer is None:
            return None
        arn = amazon.arn("ses", f"dedicated-ip-pool/{resource.name}")
        tags = amazon.call(SES, "list_tags_for_resource", ResourceArn=arn)["Tags"]
        pool = answer["DedicatedIpPool"]
        return Found({"ScalingMode": pool.get("ScalingMode")}, is_tagged(as_map(tags), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it."""
        amazon.call(
            SES,
            "create_dedicated_ip_pool",
            PoolName=resource.name,
            Tags=tags_of(resource),
            **resource.properties,
        )

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Change who scales it; Amazon allows only standard to managed."""
        del names  # it has one property
        amazon.call(
            SES, "put_dedicated_ip_pool_scaling_attributes", PoolName=resource.name, **resource.properties
        )

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it, unless Amazon has a reason against it, as a set that names it."""
        try:
            amazon.call(SES, "delete_dedicated_ip_pool", PoolName=resource.name)
        except ClientError as error:
            found = error.response.get("Error", {})
            if found.get("Code") == "BadRequestException":
                raise Kept(f"Amazon keeps it: {found.get('Message')}") from error
            raise


class TenantKind:
    """A tenant: a reputation of its own within the account."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return whether it is there; it has no properties that we set."""
        answer = amazon.look(SES, "get_tenant", TenantName=resource.name)
        if answer is None:
            return None
        return Found({}, is_tagged(as_map(answer["Tenant"].get("Tags")), resource))

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Make it."""
        amazon.call(SES, "create_tenant", TenantName=resource.name, Tags=tags_of(resource))

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Nothing can differ."""

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Delete it with its associations."""
        amazon.call(SES, "delete_tenant", TenantName=resource.name)


class TenantMemberKind:
    """An identity or a configuration set that a tenant may use. Named `tenant <ARN>`; ours by its name."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return whether the tenant has it."""
        tenant, arn = resource.name.split(" ")
        token: dict[str, str] = {}
        while answer := amazon.look(SES, "list_tenant_resources", TenantName=tenant, **token):
            if any(item["ResourceArn"] == arn for item in answer.get("TenantResources", ())):
                return Found({})
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
        return None

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """Let the tenant use it."""
        self._set(amazon, resource, "create_tenant_resource_association")

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Nothing can differ."""

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Take it from the tenant."""
        answer = amazon.look(SES, "get_tenant", TenantName=resource.name.split(" ")[0]) or {"Tenant": {}}
        if is_of_stack(as_map(answer["Tenant"].get("Tags"))):
            raise Kept(OF_A_STACK)
        self._set(amazon, resource, "delete_tenant_resource_association")

    def _set(self, amazon: Amazon, resource: Resource, operation: str) -> None:
        tenant, arn = resource.name.split(" ")
        amazon.call(SES, operation, TenantName=tenant, ResourceArn=arn)


class AccountKind:
    """What holds for the whole account in this Region. Changed where it has to be, never taken back."""

    def read(self, amazon: Amazon, resource: Resource) -> Found | None:
        """Return the reasons for which Amazon itself stops mail to an address."""
        del resource  # there is one
        answer = amazon.call(SES, "get_account")
        reasons = (answer.get("SuppressionAttributes") or {}).get("SuppressedReasons") or []
        return Found({"SuppressedReasons": sorted(reasons)})

    def create(self, amazon: Amazon, resource: Resource) -> None:
        """An account is always there."""

    def change(self, amazon: Amazon, resource: Resource, names: frozenset[str]) -> None:
        """Set the reasons."""
        del names  # it has one property
        amazon.call(SES, "put_account_suppression_attributes", **resource.properties)

    def delete(self, amazon: Amazon, resource: Resource) -> None:
        """Refuse: it protects everybody who sends from this account."""
        raise Kept(self.why_kept(amazon, resource))

    def why_kept(self, amazon: Amazon, resource: Resource) -> str:
        """Return why it stays."""
        del amazon, resource  # there is nothing to call
        return "is a setting of the whole account"


def _picked(source: Any, *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names if source.get(name) is not None}
