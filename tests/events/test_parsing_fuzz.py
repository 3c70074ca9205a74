"""The properties of `make fuzz`, tried briefly."""

import pytest

from tests.fuzzing import events


@pytest.mark.parametrize("name", events.CHECKS)
def test_nothing_strange_is_believed_or_breaks_anything(name: str) -> None:
    events.attempt(name, examples=40, start=1)
