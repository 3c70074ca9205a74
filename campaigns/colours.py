"""Colours and whether they can be read: WCAG 2.2's relative luminance and contrast.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

from typing import Final

ENOUGH: Final = 4.5
WHITE: Final = "#ffffff"
DARK: Final = "#11142a"
_STEPS: Final = 40


def contrast(first: str, second: str) -> float:
    """How well one colour stands out against another: 1 (not at all) to 21. Both as #rrggbb."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def on(background: str) -> str:
    """White or dark, whichever can be read better on this background."""
    return max((WHITE, DARK), key=lambda colour: contrast(colour, background))


def readable(colour: str, background: str) -> str:
    """The colour, moved towards black or white just so far that it can be read on this background."""
    target = 0 if _luminance(background) > _luminance(colour) or background == WHITE else 255
    for step in range(_STEPS + 1):
        moved = "#" + "".join(f"{round(c + (target - c) * step / _STEPS):02x}" for c in _channels(colour))
        if contrast(moved, background) >= ENOUGH:
            return moved
    return on(background)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
