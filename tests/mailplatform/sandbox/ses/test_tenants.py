"""Tenants, through boto3: what each may use, and mails that name one."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import Wired, entry

ARN = "arn:aws:ses:eu-central-1:123456789012:"
USED = (f"{ARN}identity/example.com", f"{ARN}configuration-set/all", f"{ARN}template/t")


def give(wired: Wired, *arns: str, tenant: str = "shop") -> None:
    for arn in arns:
        wired.ses.create_tenant_resource_association(TenantName=tenant, ResourceArn=arn)


def refused(call: Any, **options: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        call(**options)
    answer = raised.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def test_an_unknown_tenant_is_refused(wired: Wired) -> None:
    said = (404, "NotFoundException", "Tenant shop for AwsAccountId 123456789012 not found.")
    assert refused(wired.send, TenantName="shop") == said
    assert refused(lambda: wired.bulk(entry("a@example.org"), TenantName="shop")) == said
    # The shape of a call comes before.
    assert refused(lambda: wired.bulk(TenantName="shop"))[1] == "BadRequestException"


def test_all_that_a_mail_refers_to_must_be_the_tenants(wired: Wired) -> None:
    wired.ses.create_tenant(TenantName="shop")

    def said(*arns: str) -> tuple[int, str, str]:
        return 403, "AccessDeniedException", f"Tenant not associated with resources [{', '.join(arns)}]."

    def bulk() -> None:
        wired.bulk(entry("a@example.org"), TenantName="shop")

    assert refused(wired.send, TenantName="shop") == said(*USED[:2])
    assert refused(bulk) == said(*USED)
    give(wired, *USED[:2])
    assert wired.send(TenantName="shop")
    assert refused(bulk) == said(USED[2])
    give(wired, USED[2])
    bulk()
    assert len(wired.sandbox.messages()) == 2


def test_an_address_that_is_an_identity_itself_is_asked_for_instead_of_its_domain(wired: Wired) -> None:
    wired.ses.create_tenant(TenantName="shop")
    give(wired, *USED)
    wired.ses.create_email_identity(EmailIdentity="news@example.com")
    assert f"[{ARN}identity/news@example.com]" in refused(wired.send, TenantName="shop")[2]


def test_what_a_tenant_may_use_cannot_be_deleted(wired: Wired) -> None:
    wired.ses.create_tenant(TenantName="shop")
    give(wired, *USED)
    deletions = {
        USED[0]: lambda: wired.ses.delete_email_identity(EmailIdentity="example.com"),
        USED[1]: lambda: wired.ses.delete_configuration_set(ConfigurationSetName="all"),
        USED[2]: lambda: wired.ses.delete_email_template(TemplateName="t"),
    }
    for arn, delete in deletions.items():
        code, words = refused(delete)[1:]
        assert code == "BadRequestException"
        assert words.startswith(f"Cannot delete <{arn}> because it has tenant associations.")
    wired.ses.delete_tenant_resource_association(TenantName="shop", ResourceArn=USED[2])
    # What it has not is no error.
    wired.ses.delete_tenant_resource_association(TenantName="shop", ResourceArn=USED[2])
    deletions[USED[2]]()
    wired.ses.delete_tenant(TenantName="shop")
    deletions[USED[1]]()


def test_who_may_use_what_is_listed(wired: Wired) -> None:
    for name in ("shop", "club"):
        wired.ses.create_tenant(TenantName=name)
        give(wired, USED[2], tenant=name)
    found = wired.ses.list_resource_tenants(ResourceArn=USED[2])["ResourceTenants"]
    assert [item["TenantName"] for item in found] == ["club", "shop"]
    assert wired.ses.list_resource_tenants(ResourceArn=USED[0])["ResourceTenants"] == []
    assert wired.ses.list_tenant_resources(TenantName="shop")["TenantResources"] == [
        {"ResourceType": "EMAIL_TEMPLATE", "ResourceArn": USED[2]}
    ]
    again = refused(wired.ses.create_tenant_resource_association, TenantName="shop", ResourceArn=USED[2])
    assert again[1:] == (
        "AlreadyExistsException",
        f"Resources {USED[2]} has already been associated with tenant shop",
    )


def test_a_set_names_a_pool_that_is_there_and_keeps_it(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    with pytest.raises(ClientError, match="SendingPool <pool> doesn't exist"):
        ses.create_configuration_set(ConfigurationSetName="x", DeliveryOptions={"SendingPoolName": "pool"})
    ses.create_dedicated_ip_pool(PoolName="pool")
    ses.create_configuration_set(ConfigurationSetName="x", DeliveryOptions={"SendingPoolName": "pool"})
    with pytest.raises(ClientError, match="Pool pool is in use"):
        ses.delete_dedicated_ip_pool(PoolName="pool")
    ses.put_configuration_set_delivery_options(
        ConfigurationSetName="x", SendingPoolName="ses-default-dedicated-pool"
    )
    ses.delete_dedicated_ip_pool(PoolName="pool")
    with pytest.raises(ClientError, match="SendingPool <pool> doesn't exist"):
        ses.put_configuration_set_delivery_options(ConfigurationSetName="x", SendingPoolName="pool")
