import os
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from redis import Redis

from mailplatform import embedded
from mailplatform.embedded.layout import LONGEST_SOCKET_PATH, POSTGRES_SOCKET, Layout

PLACES = ["/srv/site/.data", "/srv/My Site/Ünïcode", "/srv/" + "x" * 200, "/srv/50%/a?b#c"]


@pytest.mark.parametrize("place", PLACES)
def test_a_socket_path_is_never_too_long(place: str) -> None:
    layout = Layout.of(place)
    for socket in (layout.socket_dir / POSTGRES_SOCKET, layout.redis_socket):
        assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH


@pytest.mark.parametrize("place", PLACES)
def test_the_database_address_survives_parsing(place: str) -> None:
    parts = conninfo_to_dict(embedded.database_url(place))
    assert parts == {
        "user": "mailplatform_app",
        "dbname": "mailplatform",
        "host": str(Layout.of(place).socket_dir),
    }


@pytest.mark.parametrize("place", PLACES)
def test_the_redis_address_survives_parsing(place: str) -> None:
    client = Redis.from_url(embedded.redis_url(place))
    assert client.connection_pool.connection_kwargs["path"] == str(Layout.of(place).redis_socket)


def test_the_same_directory_has_the_same_sockets_each_time() -> None:
    assert Layout.of(PLACES[2]).socket_dir == Layout.of(PLACES[2]).socket_dir
    assert Layout.of(PLACES[2]).socket_dir != Layout.of(PLACES[2] + "y").socket_dir


def test_a_relative_directory_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Layout.of(".data").data_dir == tmp_path / ".data"


class TestCeleryUrl:
    def test_a_socket_is_spelt_in_kombus_way(self) -> None:
        assert (
            embedded.celery_url("unix:///srv/redis.sock?db=3")
            == "redis+socket:///srv/redis.sock?virtual_host=3"
        )

    def test_another_address_stays(self) -> None:
        assert embedded.celery_url("redis://cache:6379/0") == "redis://cache:6379/0"
