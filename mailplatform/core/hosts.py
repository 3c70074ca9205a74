"""Names of hosts as the network knows them."""

from typing import Final

import idna

LONGEST_LABEL: Final = 63
LONGEST_NAME: Final = 253


def to_ascii(name: str) -> str:
    """Return a host's name in lower case and punycode, as browsers ask for it; empty where there is no such name.

    That is IDNA 2008 with the mapping of UTS 46 (https://www.unicode.org/reports/tr46/): `ß` stays a letter of its own.
    Python's codec is of 2003 and would ask `fass.de` for `faß.de`, which is somebody else's.
    """
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            return ""
    labels = name.split(".")
    is_right = len(name) <= LONGEST_NAME and all(0 < len(label) <= LONGEST_LABEL for label in labels)
    return name.lower() if is_right else ""
