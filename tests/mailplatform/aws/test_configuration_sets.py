"""What does not need the sandbox; making and mending is in test_provisioning.py."""

import pytest

from mailplatform.aws import configuration_sets


@pytest.mark.parametrize(
    ("region", "arn"),
    [
        ("eu-central-1", "arn:aws:ses:eu-central-1:123456789012:configuration-set/shop-none"),
        ("eusc-de-east-1", "arn:aws-eusc:ses:eusc-de-east-1:123456789012:configuration-set/shop-none"),
    ],
)
def test_the_arn_names_the_partition_of_the_region(region: str, arn: str) -> None:
    name = configuration_sets.name_of("shop", "none")
    assert configuration_sets.arn_of(region, "123456789012", name) == arn


def test_no_tracking_is_never_asked_for_by_default() -> None:
    assert not configuration_sets.ALWAYS & {"OPEN", "CLICK"}
    assert configuration_sets.TRACKED["none"] == frozenset()
