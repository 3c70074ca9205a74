"""What the papers say in states that a test installation is never in."""

from pathlib import Path

import pytest

from mailplatform.accounts.papers.facts import Fact, Facts
from mailplatform.accounts.papers.texts import common

ROOT = Path(__file__).parents[4]
# Pages with a policy of their own. The paper on third parties names them in one sentence: it must stay true.
OWN_POLICY = {
    "campaigns/views/media.py",
    "campaigns/views/frames.py",
    "campaigns/views/visual.py",
    "events/views/archive.py",
    "events/views/public.py",
}
INSIDE = {"region": "eu-central-1", "place": "Frankfurt, Germany", "sandbox": "no", "exceptions": "none"}


def amazon(**changes: str) -> Facts:
    return Facts({"amazon": [Fact(key, key, value) for key, value in (INSIDE | changes).items()]})


def test_a_region_with_its_place() -> None:
    assert common.place(amazon()) == "Frankfurt, Germany (eu-central-1)"


def test_a_region_that_is_not_on_the_list() -> None:
    assert (
        common.place(amazon(region="us-east-1", place=""))
        == "us-east-1, which is not on the list of EEA Regions"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Mail is processed in Frankfurt"),
        ({"sandbox": "yes"}, "None at present"),
        ({"exceptions": "us-east-1"}, "Each needs its own legal basis"),
    ],
)
def test_transfers(changes: dict[str, str], words: str) -> None:
    assert words in common.transfers(amazon(**changes))
    assert ("Standard Contractual Clauses" in common.transfers(amazon(**changes))) is (
        "sandbox" not in changes
    )


def test_the_paper_on_third_parties_knows_every_page_that_loads_more() -> None:
    found = {
        str(path.relative_to(ROOT))
        for app in ("campaigns", "events", "subscribers", "mailplatform/accounts")
        for path in (ROOT / app).rglob("*.py")
        if "papers" not in path.parts
        and any(
            word in path.read_text() for word in ('"Content-Security-Policy"', "csp_update(", "csp_replace(")
        )
    }
    assert found == OWN_POLICY
