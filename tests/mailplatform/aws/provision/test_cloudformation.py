"""The template: what cfn-lint says of it, and that it holds what the descriptions hold, property by property."""

import json
from typing import Any

import pytest
from cfnlint import lint
from cfnlint.config import ManualArgs

from mailplatform.aws.provision.catalogue import describe
from mailplatform.aws.provision.cloudformation import template
from mailplatform.aws.provision.model import Resource
from tests.factories.aws import everything

ACCOUNT = "123456789012"


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{name}"


@pytest.fixture(scope="module")
def resources() -> list[Resource]:
    want = everything("shop", endpoint="https://news.example.eu/sns/events/")
    return describe(want, arn, ACCOUNT, "eu-central-1")


@pytest.fixture(scope="module")
def made(resources: list[Resource]) -> dict[str, Any]:
    return template(resources)


@pytest.mark.drill
def test_cfn_lint_finds_nothing(made: dict[str, Any]) -> None:
    found = lint(json.dumps(made), config=ManualArgs(regions=["eu-central-1"]))
    assert [f"{item.rule.id} {item.message} {item.path}" for item in found] == []


def test_every_description_is_in_it(resources: list[Resource], made: dict[str, Any]) -> None:
    parts = [item for item in made["Resources"].values() if not item["Type"].endswith("Policy")]
    wanted = [item for item in resources if item.kind not in {"SES account", "tenant member"}]
    assert len(parts) == len(wanted)
    assert made["Metadata"]["LeftOut"] == ["SES account suppression"]


def leaves(value: Any) -> list[str]:
    """Every value in it, as text; the two sides name and nest things in their own ways."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return leaves(json.loads(value))
        except ValueError:
            return [value]
    # SES version 1, which the types speak, has other words for the same: RENDERING_FAILURE, renderingFailure.
    return [str(value).lower().replace("_", "")]


def test_every_value_of_a_description_is_in_its_part(resources: list[Resource], made: dict[str, Any]) -> None:
    everything_in_it = leaves(made["Resources"])
    for resource in resources:
        if resource.kind == "SES account":
            continue
        # Left to the stack: where it is made. Read only: what an empty prefix of a rule matches.
        properties = {name: value for name, value in resource.properties.items() if name != "Region"}
        for leaf in leaves(properties):
            assert leaf in everything_in_it or leaf == "", (resource.key, leaf)


def test_sets_that_must_not_track_ask_for_nothing(made: dict[str, Any]) -> None:
    for item in made["Resources"].values():
        if item["Type"] == "AWS::SES::ConfigurationSetEventDestination":
            types = set(item["Properties"]["EventDestination"]["MatchingEventTypes"])
            tracking = item["Properties"]["ConfigurationSetName"].removeprefix("shop-")
            assert (
                types & {"open", "click"}
                == {
                    "none": set(),
                    "opens": {"open"},
                    "clicks": {"click"},
                    "both": {"open", "click"},
                }[tracking]
            )


def test_buckets_outlive_the_stack(made: dict[str, Any]) -> None:
    buckets = [item for item in made["Resources"].values() if item["Type"] == "AWS::S3::Bucket"]
    assert len(buckets) == 2
    assert {item["DeletionPolicy"] for item in buckets} == {"Retain"}
