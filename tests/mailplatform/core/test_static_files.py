import re
import warnings

import pytest
from asgiref.sync import async_to_sync
from django.templatetags.static import static
from django.test import AsyncClient, Client
from pytest_django import Settings


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


def test_the_address_of_a_file_changes_with_its_content_and_is_kept_for_ever(client: Client) -> None:
    address = static("mailplatform/public.css")
    assert re.fullmatch(r"/static/mailplatform/public\.[0-9a-f]{12}\.css", address)
    response = client.get(address)
    assert "immutable" in response["Cache-Control"]
    assert response.content == client.get("/static/mailplatform/public.css").content
    assert "immutable" not in client.get("/static/mailplatform/public.css")["Cache-Control"]
    assert client.get(re.sub(r"\.[0-9a-f]{12}\.", ".000000000000.", address)).status_code == 404


def test_what_is_compressed_beside_a_file_is_sent_for_its_hashed_address(client: Client) -> None:
    address = static("dist/app.css")
    sent = client.get(address, headers={"accept-encoding": "br, gzip"})
    assert sent["Content-Encoding"] == "br"
    assert len(sent.content) < 60_000
    assert client.get(f"{address}.br").status_code == 404


def test_while_developing_no_address_is_hashed(settings: Settings) -> None:
    settings.DEBUG = True
    assert static("mailplatform/public.css") == "/static/mailplatform/public.css"
    assert static("mailplatform/nowhere.css") == "/static/mailplatform/nowhere.css"
