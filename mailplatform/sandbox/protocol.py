"""uvicorn's HTTP protocol, with the connection within reach, so that it can be dropped on purpose."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class DroppableProtocol(HttpToolsProtocol):
    """Puts the transport into the scope of each request."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # A key of our own; the server's scope type knows only the standard ones.
        self.scope["mailplatform.transport"] = self.transport  # type: ignore[typeddict-unknown-key]
