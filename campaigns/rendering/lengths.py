"""How many characters people see: an emoji is one, whatever it is made of.

A short form of the rules for grapheme clusters (Unicode Standard Annex 29): marks, joiners and what they join, skin
tones, tags and keycaps belong to what stands before them, and two regional indicators are one flag. The page counts
with the browser's own `Intl.Segmenter`.
"""

import unicodedata
from typing import Final

_JOINER: Final = "\u200d"
_MARKS: Final = frozenset({"Mn", "Me", "Mc"})


def visible_length(text: str) -> int:
    """The number of characters that a reader would count."""
    count, is_joined, is_half_flag = 0, False, False
    for letter in text:
        if _belongs_to_the_one_before(letter):
            is_joined = letter == _JOINER
            continue
        is_flag = "\U0001f1e6" <= letter <= "\U0001f1ff"
        if not is_joined and not (is_flag and is_half_flag):
            count += 1
        is_half_flag = is_flag and not is_half_flag
        is_joined = False
    return count


def _belongs_to_the_one_before(letter: str) -> bool:
    return (
        letter == _JOINER
        or unicodedata.category(letter) in _MARKS
        or "\U0001f3fb" <= letter <= "\U0001f3ff"
        or "\U000e0020" <= letter <= "\U000e007f"
    )
