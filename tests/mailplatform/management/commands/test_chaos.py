"""What the Makefile hands on is checked before anything is started."""

import pytest
from django.core.management import CommandError, call_command

from mailplatform.management.commands import chaos


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("1-3", [1, 2, 3]), ("3, 7,10-12", [3, 7, 10, 11, 12])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert chaos.seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "many", "1-", "3-1", "1..5"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="SEEDS"):
        chaos.seeds_of(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recipients": "few"}, "RECIPIENTS"),
        ({"recipients": "5"}, "RECIPIENTS"),
        ({"mode": "loud"}, "MODE"),
        ({"seed": "x"}, "SEEDS"),
    ],
)
def test_bad_options_start_nothing(options: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("chaos", **options)


def test_trials_refuse_servers_that_are_not_theirs() -> None:
    with pytest.raises(CommandError, match="make chaos"):
        call_command("chaos_trials", seeds="1", recipients=100)
