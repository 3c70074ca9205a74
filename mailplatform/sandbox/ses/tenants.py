"""Tenants and what they may use, pools of dedicated addresses, and tags."""

from collections.abc import Sequence
from typing import Any

from ..constants import ACCOUNT_ID
from ..errors import ApiError, already_exists, bad_request, not_found
from ..ids import new_uuid
from .state import Handler, Params, State, page

_TYPES = {
    "identity": "EMAIL_IDENTITY",
    "configuration-set": "CONFIGURATION_SET",
    "template": "EMAIL_TEMPLATE",
}


def check_members(state: State, tenant: str, resources: Sequence[str]) -> None:
    """Refuse, in SES's words, a mail of a tenant that is unknown or may not use all of these ARNs."""
    found = state.tenants.get(tenant)
    if found is None:
        raise not_found(f"Tenant {tenant} for AwsAccountId {ACCOUNT_ID} not found.")
    missing = [arn for arn in resources if arn not in found["resources"]]
    if missing:
        words = f"Tenant not associated with resources [{', '.join(missing)}]."
        raise ApiError("AccessDeniedException", words, 403)


def check_unused(state: State, arn: str) -> None:
    """Refuse to delete what a tenant may use."""
    if any(arn in found["resources"] for found in state.tenants.values()):
        raise bad_request(
            f"Cannot delete <{arn}> because it has tenant associations."
            " Remove all tenant associations and try again."
        )


class Tenants:
    """Operations on tenants and pools. Sending knows no pools."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {
            "CreateTenant": self.create_tenant,
            "GetTenant": self.get_tenant,
            "DeleteTenant": self.delete_tenant,
            "CreateTenantResourceAssociation": self.associate,
            "DeleteTenantResourceAssociation": self.dissociate,
            "ListTenantResources": self.list_resources,
            "ListResourceTenants": self.list_tenants,
            "CreateDedicatedIpPool": self.create_pool,
            "GetDedicatedIpPool": self.get_pool,
            "DeleteDedicatedIpPool": self.delete_pool,
            "PutDedicatedIpPoolScalingAttributes": self.put_scaling,
            "ListTagsForResource": self.list_tags,
        }

    async def create_tenant(self, params: Params) -> Params:
        """Create a tenant."""
        name = params["TenantName"]
        if name in self._state.tenants:
            raise already_exists(f"Tenant {name} already exists.")
        tenant_id = new_uuid()
        tenant = {
            "TenantName": name,
            "TenantId": tenant_id,
            "TenantArn": self._state.arn("tenant", f"{name}/{tenant_id}"),
            "Tags": params.get("Tags", []),
            "SendingStatus": "ENABLED",
        }
        self._state.tenants.put(name, {"tenant": tenant, "resources": []})
        return tenant

    async def get_tenant(self, params: Params) -> Params:
        """One tenant."""
        return {"Tenant": self._tenant(params)["tenant"]}

    async def delete_tenant(self, params: Params) -> Params:
        """Delete one with its associations."""
        self._tenant(params)
        self._state.tenants.remove(params["TenantName"])
        return {}

    async def associate(self, params: Params) -> Params:
        """Let a tenant use a resource."""
        found, arn = self._tenant(params), params["ResourceArn"]
        if arn in found["resources"]:
            raise already_exists(
                f"Resources {arn} has already been associated with tenant {params['TenantName']}"
            )
        kind, _, name = arn.rpartition(":")[2].partition("/")
        tables = {
            "identity": self._state.identities,
            "configuration-set": self._state.sets,
            "template": self._state.templates,
        }
        if kind not in tables or name not in tables[kind]:
            raise not_found(f"Resource {arn} does not exist.")
        self._state.tenants.put(params["TenantName"], {**found, "resources": [*found["resources"], arn]})
        return {}

    async def dissociate(self, params: Params) -> Params:
        """Take a resource from a tenant; one that it has not is no error."""
        found, arn = self._tenant(params), params["ResourceArn"]
        kept = [item for item in found["resources"] if item != arn]
        self._state.tenants.put(params["TenantName"], {**found, "resources": kept})
        return {}

    async def list_resources(self, params: Params) -> Params:
        """What a tenant may use."""
        found = [
            {"ResourceArn": arn, "ResourceType": _TYPES[arn.rpartition(":")[2].partition("/")[0]]}
            for arn in self._tenant(params)["resources"]
        ]
        return page("TenantResources", found, params)

    async def list_tenants(self, params: Params) -> Params:
        """Who may use a resource."""
        found = [
            {
                "TenantName": name,
                "TenantId": item["tenant"]["TenantId"],
                "ResourceArn": params["ResourceArn"],
            }
            for name, item in self._state.tenants.items()
            if params["ResourceArn"] in item["resources"]
        ]
        return page("ResourceTenants", found, params)

    async def create_pool(self, params: Params) -> Params:
        """Create a pool without addresses."""
        name = params["PoolName"]
        if name in self._state.pools:
            raise already_exists(f"Pool {name} already exists.")
        pool = {"ScalingMode": params.get("ScalingMode", "STANDARD"), "Tags": params.get("Tags", [])}
        self._state.pools.put(name, pool)
        return {}

    async def get_pool(self, params: Params) -> Params:
        """One pool; tags are asked for apart."""
        mode = self._pool(params["PoolName"])["ScalingMode"]
        return {"DedicatedIpPool": {"PoolName": params["PoolName"], "ScalingMode": mode}}

    async def delete_pool(self, params: Params) -> Params:
        """Delete one. Whether SES would while a set names it is not documented, so nobody may rely on it."""
        name = params["PoolName"]
        self._pool(name)
        for found in self._state.sets.values():
            if (found["options"].get("DeliveryOptions") or {}).get("SendingPoolName") == name:
                raise bad_request(f"Pool {name} is in use.")
        self._state.pools.remove(params["PoolName"])
        return {}

    async def put_scaling(self, params: Params) -> Params:
        """Change who scales a pool."""
        found = self._pool(params["PoolName"])
        self._state.pools.put(params["PoolName"], {**found, "ScalingMode": params["ScalingMode"]})
        return {}

    async def list_tags(self, params: Params) -> Params:
        """Tags of a pool."""
        kind, _, name = params["ResourceArn"].rpartition(":")[2].partition("/")
        if kind != "dedicated-ip-pool":
            raise not_found(f"Resource {params['ResourceArn']} does not exist.")
        return {"Tags": self._pool(name)["Tags"]}

    def _tenant(self, params: Params) -> dict[str, Any]:
        found = self._state.tenants.get(params["TenantName"])
        if found is None:
            raise not_found(f"Tenant {params['TenantName']} does not exist.")
        return found

    def _pool(self, name: str) -> dict[str, Any]:
        found = self._state.pools.get(name)
        if found is None:
            raise not_found(f"Pool {name} does not exist.")
        return found
