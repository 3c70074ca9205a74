import warnings

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client


def test_a_file_comes_whole_and_with_its_type(client: Client) -> None:
    response = client.get("/static/mailplatform/public.css")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert response["Content-Length"] == str(len(response.content))


def test_a_known_file_is_not_sent_again(client: Client) -> None:
    first = client.get("/static/mailplatform/public.css")
    again = client.get(
        "/static/mailplatform/public.css", headers={"if-modified-since": first["Last-Modified"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_missing_file_is_missing(client: Client) -> None:
    assert client.get("/static/mailplatform/no-such.css").status_code == 404


@pytest.mark.parametrize("path", ["/static/../settings.py", "/static/%2e%2e/settings.py"])
def test_nothing_outside_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_nothing_is_warned_about_under_asgi() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = async_to_sync(AsyncClient().get)("/static/mailplatform/public.css")
    assert response.status_code == 200
