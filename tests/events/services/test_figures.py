from typing import Any

import pytest

from events.services import figures
from mailplatform.accounts.services import installation
from mailplatform.aws.provision import dashboard
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import SERVICES

pytestmark = pytest.mark.django_db


@pytest.fixture
def amazon(settings: Any, shared_sandbox: RunningSandbox) -> RunningSandbox:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION = "eu-central-1"
    return shared_sandbox


def test_the_dashboard_shows_what_is_reported(amazon: RunningSandbox) -> None:
    installation.update(actor=None, provisioning={"without": []}, configuration_set_prefix="figures")
    assert figures.report()["WaitingToBeSent"] == 0
    body = dashboard.body("figures", "eu-central-1", "q", [])
    shown = {
        metric[1]
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", ())
        if metric[0] == dashboard.NAMESPACE
    }
    assert shown == figures.FIGURES.keys()
    stored = amazon.client("cloudwatch").list_metrics(Namespace=dashboard.NAMESPACE)["Metrics"]
    assert {"Name": "Installation", "Value": "figures"} in stored[0]["Dimensions"]


@pytest.mark.parametrize("stored", [{}, {"without": ["monitoring"]}])
def test_nothing_is_reported_where_there_is_no_dashboard(
    amazon: RunningSandbox, stored: dict[str, Any]
) -> None:
    installation.update(actor=None, provisioning=stored)
    assert figures.report() == {}


def test_an_amazon_that_is_away_is_only_logged(amazon: RunningSandbox, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, "http://127.0.0.1:9")
    installation.update(actor=None, provisioning={"without": []})
    assert "Unresolved" in figures.report()
