"""Database settings from an address."""

from mailplatform.core import database


def test_a_server_across_the_network() -> None:
    entry = database.from_url("postgresql://app:s%3Acret@db.example:5433/mail?sslmode=require")
    assert (entry["NAME"], entry["USER"], entry["PASSWORD"]) == ("mail", "app", "s:cret")
    assert (entry["HOST"], entry["PORT"]) == ("db.example", "5433")
    assert entry["OPTIONS"] == {"sslmode": "require", **database.PATIENCE}


def test_the_address_decides_how_long_a_silent_server_is_waited_for() -> None:
    entry = database.from_url("postgresql://app@db.example/mail?connect_timeout=3&tcp_user_timeout=0")
    assert entry["OPTIONS"]["connect_timeout"] == "3"
    assert entry["OPTIONS"]["tcp_user_timeout"] == "0"
    assert entry["OPTIONS"]["keepalives_idle"] == database.PATIENCE["keepalives_idle"]


def test_a_unix_socket() -> None:
    entry = database.from_url("postgresql://app@/mail?host=%2Fsome%2Frun")
    assert (entry["NAME"], entry["HOST"]) == ("mail", "/some/run")
    assert "PASSWORD" not in entry
