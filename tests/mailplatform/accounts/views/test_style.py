import pytest
from django.test import Client
from pytest_django import Settings

from tests.factories.accounts import ViewerFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("debug", "status"), [(True, 200), (False, 404)])
def test_components_are_shown_in_development_only(
    client: Client, settings: Settings, status: int, *, debug: bool
) -> None:
    client.force_login(ViewerFactory.create())
    settings.DEBUG = debug
    assert client.get("/style/").status_code == status
