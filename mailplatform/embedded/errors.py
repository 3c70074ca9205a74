"""What can go wrong with the embedded services; each message is one line that says what to do."""


class EmbeddedError(Exception):
    """The embedded services cannot be started or stopped."""
