"""A published version is stored once, and given to the tenant that sends."""

import pytest

from campaigns.models import TemplateVersion
from campaigns.sending import storing
from mailplatform.accounts.services import installation
from mailplatform.aws import templates
from mailplatform.sandbox.constants import ACCOUNT_ID
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.campaigns import make_run
from tests.factories.sending import give_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(sandbox: RunningSandbox) -> TemplateVersion:
    installation.update(actor=None, account_id=ACCOUNT_ID)
    return make_run().template_version


def members(sandbox: RunningSandbox, tenant: str) -> list[str]:
    found = sandbox.client("sesv2").list_tenant_resources(TenantName=tenant)["TenantResources"]
    return [item["ResourceArn"] for item in found if item["ResourceType"] == "EMAIL_TEMPLATE"]


def test_a_version_is_stored_once(version: TemplateVersion) -> None:
    assert storing.store(version)
    assert version.stored_at
    assert not storing.store(version)


def test_a_stored_version_belongs_to_the_tenant_also_to_one_that_was_made_later(
    sandbox: RunningSandbox, version: TemplateVersion
) -> None:
    arn = f"arn:aws:ses:{sandbox.region}:{ACCOUNT_ID}:template/{version.ses_name}"
    for tenant in ("shop", "later"):
        give_tenant(sandbox, tenant)
        installation.update(actor=None, provisioning={"tenant": tenant})
        assert storing.store(version)
        assert members(sandbox, tenant) == [arn]
        assert not storing.store(version)


def test_a_tenant_that_is_gone_is_said(version: TemplateVersion) -> None:
    installation.update(actor=None, provisioning={"tenant": "gone"})
    with pytest.raises(templates.TemplateStoreError, match="Tenant gone does not exist"):
        storing.store(version)
