"""Numbers as addresses of pages and forms bring them."""


def whole(text: str | None, *, digits: int = 18) -> int:
    """Return the number that these ASCII digits write, 0 for anything else. Eighteen digits fit a bigint."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= digits else 0
