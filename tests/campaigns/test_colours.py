import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import colours

colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_the_rule() -> None:
    assert colours.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colours.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert colours.contrast("#123456", "#123456") == 1


@given(colour, st.sampled_from(["#ffffff", "#171a2e", "#000000"]))
def test_a_colour_is_moved_until_it_can_be_read(wanted: str, background: str) -> None:
    moved = colours.readable(wanted, background)
    assert colours.contrast(moved, background) >= colours.ENOUGH
    if colours.contrast(wanted, background) >= colours.ENOUGH:
        assert moved == wanted


@given(colour)
def test_words_on_any_colour_can_be_read(background: str) -> None:
    assert colours.contrast(colours.on(background), background) >= 4.2
