"""Reads one HTTP/1.1 answer from the pieces in which it arrives (RFC 9112). Anything odd is refused."""

from dataclasses import dataclass, field
from typing import Final

MAX_HEAD: Final = 65_536
MAX_BODY: Final = 16 * 1024 * 1024
_END: Final = b"\r\n\r\n"
_SUCCESS_WITHOUT_BODY: Final = frozenset({204, 304})
_FIRST_FINAL: Final = 200


class BrokenReplyError(Exception):
    """The answer is not HTTP, is cut short, or too large."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. Header names in lower case; `keep_alive` when the connection may be used again."""

    status: int
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


@dataclass(slots=True)
class ReplyReader:
    """Feed it what arrives; it returns the answer once that is complete."""

    _data: bytearray = field(default_factory=bytearray)
    _status: int = 0
    _headers: dict[str, str] = field(default_factory=dict)
    _start: int = 0  # where the body starts; 0 before the head is complete
    _length: int | None = None  # of the body; None for chunks or for all until the end
    _keep: bool = True

    def feed(self, data: bytes) -> Reply | None:
        """Take more bytes. Raises BrokenReplyError."""
        self._data += data
        while not self._start:
            if not self._read_head():
                return None
        if len(self._data) - self._start > MAX_BODY:
            raise BrokenReplyError("the answer is too large")
        if self._length is not None:
            return self._whole(self._length)
        if "transfer-encoding" in self._headers:
            return self._chunks()
        return None

    def closed(self) -> Reply:
        """The other side closed: complete only if it never said how long its answer is."""
        if self._start and self._length is None and "transfer-encoding" not in self._headers:
            return Reply(self._status, self._headers, bytes(self._data[self._start :]), keep_alive=False)
        raise BrokenReplyError("the connection was closed before the answer was complete")

    def _read_head(self) -> bool:
        end = self._data.find(_END)
        if end < 0:
            if len(self._data) > MAX_HEAD:
                raise BrokenReplyError("the head of the answer is too large")
            return False
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code = rest[:3]
        if version not in {"HTTP/1.1", "HTTP/1.0"} or len(code) != 3 or not code.isdecimal():
            raise BrokenReplyError(f"not an HTTP answer: {first[:60]!r}")
        if int(code) < _FIRST_FINAL:
            # An interim answer (100 Continue): the real one follows.
            del self._data[: end + len(_END)]
            return bool(self._data)
        self._status, self._start = int(code), end + len(_END)
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise BrokenReplyError("a header without a colon")
            self._headers[name.lower()] = value.strip()
        self._keep = version == "HTTP/1.1" and self._headers.get("connection", "").lower() != "close"
        self._length = self._body_length()
        return True

    def _body_length(self) -> int | None:
        if self._status in _SUCCESS_WITHOUT_BODY:
            return 0
        if "transfer-encoding" in self._headers:
            if self._headers["transfer-encoding"].lower() != "chunked":
                raise BrokenReplyError("an encoding that was not asked for")
            return None
        length = self._headers.get("content-length")
        if length is None:
            return None
        if not (length.isascii() and length.isdecimal()):
            raise BrokenReplyError("a length that is not a number")
        return int(length)

    def _whole(self, length: int) -> Reply | None:
        end = self._start + length
        if len(self._data) < end:
            return None
        # Bytes after the end belong to nobody: the answer stands, the connection does not.
        keep = self._keep and len(self._data) == end
        return Reply(self._status, self._headers, bytes(self._data[self._start : end]), keep)

    def _chunks(self) -> Reply | None:
        at, found = self._start, bytearray()
        while True:
            end = self._data.find(b"\r\n", at)
            if end < 0:
                return None
            size = _chunk_size(bytes(self._data[at:end]))
            if size == 0:
                return self._trailer(end, bytes(found))
            at = end + 2 + size
            if len(self._data) < at + 2:
                return None
            if self._data[at : at + 2] != b"\r\n":
                raise BrokenReplyError("a chunk of another length than it says")
            found += self._data[end + 2 : at]
            at += 2

    def _trailer(self, end: int, body: bytes) -> Reply | None:
        last = self._data.find(_END, end)
        if last < 0:
            return None
        keep = self._keep and len(self._data) == last + len(_END)
        return Reply(self._status, self._headers, body, keep)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.split(b";", 1)[0].strip() or b"-", 16)
    except ValueError as error:
        raise BrokenReplyError("a chunk without a length") from error
