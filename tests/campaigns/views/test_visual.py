from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Template
from campaigns.rendering import SourceKind
from campaigns.services import templates
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_site, make_template, make_user

pytestmark = pytest.mark.django_db


def open_visually(client: Client, template: Template, *, role: Role = Role.MARKETER) -> Any:
    make_site()
    client.force_login(make_user(role=role))
    return client.get(reverse("campaigns:template_visual", args=[template.public_id]))


@pytest.fixture
def template() -> Template:
    return make_template(html=templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)


def test_the_page_holds_the_source_and_its_policy_is_its_own(client: Client, template: Template) -> None:
    template.defaults = {"discount": "5", "items": []}
    template.save()
    response = open_visually(client, template)
    page = response.content.decode()
    assert "&lt;mjml" in page
    assert '<input type="hidden" name="default:discount" value="5">' in page
    assert "style-src 'self' 'unsafe-inline'" in response["Content-Security-Policy"]
    edit = client.get(reverse("campaigns:template_edit", args=[template.public_id]))
    assert "unsafe-inline" not in edit["Content-Security-Policy"]
    assert "Edit visually" in edit.content.decode()


def test_a_first_empty_line_of_the_source_is_kept(client: Client) -> None:
    template = make_template(html="\n" + templates.blank(SourceKind.MJML), source_format=SourceKind.MJML)
    page = open_visually(client, template).content.decode()
    assert '<textarea name="html" hidden>\n\n&lt;mjml' in page


def test_source_with_errors_is_mended_in_the_code_first(client: Client) -> None:
    template = make_template(
        html="<mjml><mj-body>\n<mj-foo/></mj-body></mjml>", source_format=SourceKind.MJML
    )
    page = open_visually(client, template).content.decode()
    assert "Mend the source first" in page
    assert "Line 2" in page
    assert "visual.js" not in page


def test_own_html_stays_with_the_code_editor(client: Client) -> None:
    template = make_template()
    assert open_visually(client, template).status_code == 302
    page = client.get(reverse("campaigns:template_edit", args=[template.public_id]))
    assert "Edit visually" not in page.content.decode()


def test_a_viewer_edits_nothing(client: Client, template: Template) -> None:
    assert open_visually(client, template, role=Role.VIEWER).status_code == 403
