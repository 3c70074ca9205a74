"""Imports from files: upload → map and declare → dry run → import, and back again for a day.

The file is kept in the configured storage. The work itself is in `subscribers.merging`; it runs in a worker
(`start_check`, `start_import`) or, for commands and tests, right here (`check`, `commit`).
"""

from ...importing.errors import FileRefusedError
from ...merging.order_acts import SoftOptIn
from ...merging.statement import Statement, StatementError
from .declaring import declare, declare_orders, declare_suppression
from .errors import ImportStateError
from .forgetting import cancel, forget_old
from .running import check, commit, resume_unfinished, start_check, start_import, start_undo, undo
from .uploading import create_from_storage, create_job, reread

# What a caller may catch: the file as a whole, the mapping, the declaration, the state.
__all__ = [
    "FileRefusedError",
    "ImportStateError",
    "SoftOptIn",
    "Statement",
    "StatementError",
    "cancel",
    "check",
    "commit",
    "create_from_storage",
    "create_job",
    "declare",
    "declare_orders",
    "declare_suppression",
    "forget_old",
    "reread",
    "resume_unfinished",
    "start_check",
    "start_import",
    "start_undo",
    "undo",
]
