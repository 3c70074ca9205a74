from collections.abc import Iterator
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from mailplatform.core import downloads


def answer(request: HttpRequest, parts: Iterator[Any]) -> StreamingHttpResponse:
    return downloads.download(request, parts, name="people.csv", content_type="text/csv")


def test_the_browser_saves_it_under_its_name() -> None:
    response = answer(RequestFactory().get("/"), iter(["a\r\n", "b\r\n"]))
    assert response["Content-Disposition"] == 'attachment; filename="people.csv"'
    assert response["Content-Type"] == "text/csv"
    assert b"".join(response.streaming_content) == b"a\r\nb\r\n"  # type: ignore[arg-type]


def test_under_asgi_it_is_made_while_it_is_sent() -> None:
    made: list[int] = []

    def rows() -> Iterator[str]:
        for number in range(10):
            made.append(number)
            yield "x" * 40_000

    async def first_and_rest() -> tuple[int, int]:
        response = answer(AsyncRequestFactory().get("/"), rows())
        chunks = aiter(response.streaming_content)  # type: ignore[arg-type]
        first = len(await anext(chunks))
        seen = len(made)
        rest = [len(chunk) async for chunk in chunks]
        assert first + sum(rest) == 400_000
        return first, seen

    assert async_to_sync(first_and_rest)() == (80_000, 2)


def test_an_empty_file_is_an_empty_file() -> None:
    async def whole() -> bytes:
        response = answer(AsyncRequestFactory().get("/"), iter([]))
        return b"".join([chunk async for chunk in response.streaming_content])  # type: ignore[union-attr]

    assert async_to_sync(whole)() == b""
