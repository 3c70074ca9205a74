"""What Amazon would refuse half-way is refused before the first call."""

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
        ({"schedules": (Schedule("weekly", WEEKLY.expression, "12"),)}, "needs the id of a campaign"),
    ],
)
def test_a_choice_that_cannot_be_carried_out_is_named(changes: dict[str, Any], reason: str) -> None:
    options = {"prefix": "shop", **changes}
    with pytest.raises(BadChoice, match=reason):
        everything(**options).check()


def test_all_options_together_are_fine() -> None:
    everything("shop").check()
    Wanted("shop", ()).check()


def test_the_request_for_production_access_fits_the_form() -> None:
    found = text(everything("shop", endpoint="https://news.example.eu/sns/events/"), "Shop GmbH")
    assert len(found) <= MAX_CHARS
    assert "Shop GmbH" in found
    assert "https://news.example.eu." in found
    assert "shop.example.eu" in found
