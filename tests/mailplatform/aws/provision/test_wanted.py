"""What Amazon would refuse half-way is refused before the first call."""

from dataclasses import replace
from typing import Any

import pytest

from mailplatform.aws.provision.request_text import MAX_CHARS, text
from mailplatform.aws.provision.wanted import BadChoice, Schedule, Wanted
from tests.factories.aws import WEEKLY, everything


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prefix": "Shop"}, "small letters"),
        ({"prefix": "shop_1"}, "small letters"),
        ({"prefix": "x" * 41}, "1 to 40"),
        ({"without": frozenset({"everything"})}, "There is no part everything"),
        ({"tracking_domain": "t.other.eu"}, "must be a subdomain of a sending domain"),
        ({"ip_pool": "ses-default-dedicated-pool"}, "Amazon's own pool"),
        ({"schedules": (Schedule("a b", WEEKLY.expression, WEEKLY.campaign),)}, "1 to 20 letters"),
        ({"schedules": (Schedule("weekly", "every day", WEEKLY.campaign),)}, r"needs rate\(…\) or cron\(…\)"),
        ({"schedules": (Schedule("weekly", "rate(1 days)", WEEKLY.campaign),)}, r"needs rate\(…\)"),
        ({"schedules": (Schedule("weekly", "cron(0 7 * * MON *)", WEEKLY.campaign),)}, r"or cron\(…\)"),
        ({"schedules": (Schedule("weekly", "cron(0 7 ? * MON)", WEEKLY.campaign),)}, r"or cron\(…\)"),
        ({"schedules": (Schedule("weekly", WEEKLY.expression, "12"),)}, "needs the id of a campaign"),
        ({"schedules": (Schedule("weekly", WEEKLY.expression),)}, "a campaign or an event"),
        ({"schedules": (replace(WEEKLY, event="x"),)}, "and not both"),
        (
            {"schedules": (Schedule("weekly", WEEKLY.expression, event="Price list"),)},
            "small letters, digits",
        ),
        ({"schedules": (WEEKLY, WEEKLY)}, "Two schedules have one name"),
        ({"tls_policy": "Require"}, "expected one of REQUIRE, OPTIONAL"),
        ({"ip_pool": "a pool"}, "of the IP pool must have"),
        ({"tenant": "t" * 65}, "of the tenant must have"),
        ({"files_bucket": "My_Files"}, "3 to 63 small letters"),
        ({"identities": ("exam ple.eu",), "tracking_domain": ""}, "is no domain to send from"),
        ({"identities": ("müller@example.eu",), "tracking_domain": ""}, "ASCII before the '@'"),
        ({"operations_address": "ops"}, "is no address to mail alarms to"),
    ],
)
def test_a_choice_that_cannot_be_carried_out_is_named(changes: dict[str, Any], reason: str) -> None:
    options = {"prefix": "shop", **changes}
    with pytest.raises(BadChoice, match=reason):
        everything(**options).check()


def test_all_options_together_are_fine() -> None:
    everything("shop").check()
    Wanted("shop", ()).check()


@pytest.mark.parametrize(
    "expression", ["rate(1 day)", "rate(7 days)", "cron(0 7 ? * MON-FRI *)", "cron(0/15 8-17 L * ? 2026)"]
)
def test_expressions_that_eventbridge_takes(expression: str) -> None:
    everything("shop", schedules=(Schedule("weekly", expression, event="price-list"),)).check()


def test_the_request_for_production_access_fits_the_form() -> None:
    found = text(everything("shop", endpoint="https://news.example.eu/sns/events/"), "Shop GmbH")
    assert len(found) <= MAX_CHARS
    assert "Shop GmbH" in found
    assert "https://news.example.eu." in found
    assert "shop.example.eu" in found
