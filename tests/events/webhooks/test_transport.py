"""One POST to a real server: redirects are not followed, silence ends, nothing raises."""

import socket
import threading
from typing import Any

from events.webhooks import transport
from tests.events.webhooks.receiver import receiver


def post(url: str) -> transport.Answer:
    return transport.post(url, b"{}", {"Content-Type": "application/json"}, allow_loopback=True)


def test_message_arrives_as_it_was_signed() -> None:
    with receiver() as server:
        answer = post(server.url)
    assert answer.is_success
    assert (server.posts[0].body, server.posts[0].path) == (b"{}", "/hook")
    assert server.posts[0].headers["host"] == server.url.split("/")[2]


def test_redirect_is_a_failure_and_not_followed() -> None:
    with receiver() as server, receiver() as other:
        server.answers.append((302, {"Location": other.url}))
        answer = post(server.url)
    assert (answer.is_success, answer.error) == (False, "The server answered 302.")
    assert other.posts == []


def test_retry_after_is_read_and_bounded() -> None:
    with receiver() as server:
        server.answers += [
            (503, {"Retry-After": "120"}),
            (429, {"Retry-After": "9999999"}),
            (503, {"Retry-After": "x"}),
        ]
        assert [post(server.url).retry_after_s for _ in range(3)] == [120, 3600, 0]


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").error == "The server refused the connection."


def test_server_that_drips_forever_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(transport, "TOTAL_S", 0.4)
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(5)
                try:
                    while not done.wait(0.1):
                        peer.sendall(b"H")
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/")
        done.set()
        thread.join(5)
    assert answer.status == 0
    assert answer.error


def test_address_of_our_own_network_is_refused_at_every_try() -> None:
    answer = transport.post("https://169.254.169.254/latest/meta-data", b"{}", {}, allow_loopback=True)
    assert (answer.status, answer.error) == (0, "The host is not a public one.")
