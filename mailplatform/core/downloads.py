"""Long files, sent while they are made."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

CHUNK = 64 * 1024


def download(
    request: HttpRequest, parts: Iterator[bytes] | Iterator[str], *, name: str, content_type: str
) -> StreamingHttpResponse:
    """Answer with `parts` as a file that the browser saves under `name`.

    Django under ASGI reads a synchronous iterator to its end before it sends the first byte: a million rows would
    lie in memory at once. Here each chunk is made in the request's own thread, where its database cursor lives.
    """
    content = _chunks(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _chunks(parts: Iterator[bytes] | Iterator[str]) -> AsyncIterator[bytes]:
    take = sync_to_async(_take)
    while chunk := await take(parts):
        yield chunk


def _take(parts: Iterator[bytes] | Iterator[str]) -> bytes:
    """Return about CHUNK bytes; nothing at the end."""
    taken: list[bytes] = []
    size = 0
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        taken.append(raw)
        size += len(raw)
        if size >= CHUNK:
            break
    return b"".join(taken)
