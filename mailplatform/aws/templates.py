"""Stored templates of SES v2. All of these calls are control calls: one per second for the whole account.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateEmailTemplate.html
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from . import control, regions
from .session import Connection, client

PUBLISH_PATIENCE_S: Final = 60.0
PREVIEW_PATIENCE_S: Final = 3.0


class TemplateStoreError(Exception):
    """SES did not store or render a template; the message is SES's own, in a sentence for people."""


class TemplateMissing(TemplateStoreError):
    """SES has no template of this name."""


def ensure_stored(connection: Connection, *, name: str, subject: str, html: str, text: str) -> bool:
    """Store a template under a name that carries its content's hash. True if it was not there before.

    Idempotent: a template of this name has this content. Raises `TemplateStoreError`.
    """
    ses = _client(connection)
    control.wait_turn(connection, patience=PUBLISH_PATIENCE_S)
    content = {"Subject": subject, "Html": html, "Text": text}
    try:
        ses.create_email_template(TemplateName=name, TemplateContent=content)
    except ses.exceptions.AlreadyExistsException:
        return False
    except (ClientError, BotoCoreError) as error:
        raise _explained(error) from error
    return True


def ensure_member(connection: Connection, *, tenant: str, account_id: str, name: str) -> bool:
    """Let a tenant use a stored template: SES refuses its mail otherwise. True if it could not before.

    Asks first: whether a second association is an error differs. Raises `TemplateStoreError`.
    """
    ses = _client(connection)
    arn = f"arn:{regions.partition(connection.region)}:ses:{connection.region}:{account_id}:template/{name}"
    try:
        if tenant in _tenants_of(connection, arn):
            return False
        control.wait_turn(connection, patience=PUBLISH_PATIENCE_S)
        ses.create_tenant_resource_association(TenantName=tenant, ResourceArn=arn)
    except ses.exceptions.AlreadyExistsException:
        return False
    except (ClientError, BotoCoreError) as error:
        raise _explained(error) from error
    return True


def is_stored(connection: Connection, name: str) -> bool:
    """Whether SES has a template of this name. Raises `TemplateStoreError`."""
    ses = _client(connection)
    control.wait_turn(connection, patience=PUBLISH_PATIENCE_S)
    try:
        ses.get_email_template(TemplateName=name)
    except ses.exceptions.NotFoundException:
        return False
    except (ClientError, BotoCoreError) as error:
        raise _explained(error) from error
    return True


def remove(connection: Connection, name: str) -> None:
    """Remove a template; one that is not there is fine. Raises `TemplateStoreError`, also while a tenant has it."""
    ses = _client(connection)
    control.wait_turn(connection, patience=PUBLISH_PATIENCE_S)
    try:
        ses.delete_email_template(TemplateName=name)
    except ses.exceptions.NotFoundException:
        return
    except (ClientError, BotoCoreError) as error:
        raise _explained(error) from error


def test_render(connection: Connection, name: str, data: Mapping[str, Any]) -> str:
    """SES's own rendering: one whole MIME message. Raises `TemplateMissing`, `TemplateStoreError`."""
    ses = _client(connection)
    control.wait_turn(connection, patience=PREVIEW_PATIENCE_S)
    try:
        answer = ses.test_render_email_template(TemplateName=name, TemplateData=json.dumps(data))
    except ses.exceptions.NotFoundException as error:
        raise TemplateMissing(f"Amazon SES has no template “{name}”.") from error
    except (ClientError, BotoCoreError) as error:
        raise _explained(error) from error
    return str(answer["RenderedTemplate"])


def _tenants_of(connection: Connection, arn: str) -> set[str]:
    found: set[str] = set()
    token: dict[str, str] = {}
    while True:
        control.wait_turn(connection, patience=PUBLISH_PATIENCE_S)
        answer = _client(connection).list_resource_tenants(ResourceArn=arn, **token)
        found |= {item["TenantName"] for item in answer.get("ResourceTenants", ())}
        if not answer.get("NextToken"):
            return found
        token = {"NextToken": answer["NextToken"]}


def _client(connection: Connection) -> Any:
    return client(connection, "sesv2")


def _explained(error: Exception) -> TemplateStoreError:
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return TemplateStoreError(
            f"Amazon SES refused the template: {details.get('Message') or details.get('Code')}"
        )
    return TemplateStoreError(f"Amazon SES could not be reached: {error}")
