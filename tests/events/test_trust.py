"""Names and anchors of signing certificates."""

import pytest

from events import trust
from tests.fixtures.sns import chain as sns


@pytest.mark.parametrize(
    ("region", "host", "name"),
    [
        ("eu-central-1", "sns.eu-central-1.amazonaws.com", "sns.amazonaws.com"),
        ("eu-west-1", "sns.eu-west-1.amazonaws.com", "sns.amazonaws.com"),
        ("eu-north-1", "sns.eu-north-1.amazonaws.com", "sns.amazonaws.com"),
        ("eu-south-1", "sns.eu-south-1.amazonaws.com", "sns-signing.eu-south-1.amazonaws.com"),
        ("eu-south-2", "sns.eu-south-2.amazonaws.com", "sns-signing.eu-south-2.amazonaws.com"),
        ("eu-central-2", "sns.eu-central-2.amazonaws.com", "sns-signing.eu-central-2.amazonaws.com"),
        ("cn-north-1", "sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
        ("us-gov-east-1", "sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "sns.eusc-de-east-1.amazonaws.eu", "sns-signing.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_host_and_name_by_region(region: str, host: str, name: str) -> None:
    assert trust.sns_host(region) == host
    assert trust.certificate_name(region) == name


@pytest.mark.parametrize("region", ["", "eu-west-1.evil", "EU-WEST-1", "eu_west_1"])
def test_what_is_no_region_has_no_host(region: str) -> None:
    with pytest.raises(ValueError, match="not a Region"):
        trust.sns_host(region)


def test_strangers_roots_are_left_out_of_a_bundle() -> None:
    chain = sns.make_chain()
    assert trust.read_roots(chain.leaf_pem) == ()


def test_roots_of_this_machine_are_amazons() -> None:
    names = [root.subject.rfc4514_string() for root in trust.amazon_roots()]
    if not names:
        pytest.skip("this machine has no trust store")
    assert any("Amazon Root CA 1" in name for name in names)
