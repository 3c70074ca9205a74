"""The one error that refuses a whole file; a fault of one row is a value on that row instead."""

from dataclasses import dataclass


@dataclass
class FileRefusedError(Exception):
    """A file that cannot be read at all; ``message`` says what is wrong and what to do about it."""

    code: str
    message: str

    def __str__(self) -> str:
        return self.message


def megabytes(size: int) -> str:
    """Return a size for people: ``1.5 MB``."""
    return f"{size / 1_000_000:.1f} MB"
