"""What stops a backup or a restore; each message is a sentence that says what to do."""


class BackupError(Exception):
    """The backup was not made, or the restore not begun or not finished."""
