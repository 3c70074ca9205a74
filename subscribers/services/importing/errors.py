"""What the steps of an import share: the states in which it may still change, and the error of those who are late."""

from typing import Final

from ...models import ImportState

OPEN_STATES: Final = (ImportState.UPLOADED, ImportState.READY, ImportState.FAILED)


class ImportStateError(Exception):
    """The import is not in the state that this step needs; somebody was faster, or it is over."""
