"""Command line of the sandbox, shared by ``python -m mailplatform.sandbox`` and ``manage.py sandbox``."""

import argparse
import errno
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from .app import Application
from .config import Config
from .constants import ACCESS_KEY, ACCOUNT_ID, DEFAULT_HOST, DEFAULT_PORT, DEFAULT_REGION, SECRET_KEY
from .core import Sandbox
from .protocol import DroppableProtocol


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All flags."""
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes any free port")
    parser.add_argument("--region", default=DEFAULT_REGION)
    parser.add_argument("--state-dir", type=Path, help="keep identities, topics, templates and mail there")
    parser.add_argument("--public-url", default="", help="address of the sandbox in pixels and tracked links")
    parser.add_argument(
        "--max-send-rate", type=float, default=Config.max_send_rate, help="recipients per second"
    )
    parser.add_argument(
        "--max-24-hour-send", type=float, default=Config.max_24_hour_send, help="-1: no limit"
    )
    parser.add_argument("--burst-seconds", type=float, default=Config.burst_seconds)
    parser.add_argument(
        "--no-production-access", action="store_true", help="mail to verified recipients only"
    )
    parser.add_argument(
        "--no-auto-verify", action="store_true", help="identities stay pending until told otherwise"
    )
    parser.add_argument(
        "--send-delay", type=float, default=Config.send_delay, help="seconds to the Send event"
    )
    parser.add_argument(
        "--delivery-delay", type=float, default=Config.delivery_delay, help="and on to Delivery"
    )
    parser.add_argument(
        "--retry-scale",
        type=float,
        default=Config.retry_scale,
        help="stretches SNS delays and patience",
    )
    parser.add_argument(
        "--signature-age",
        type=float,
        default=Config.signature_age,
        help="seconds after which a signature is refused",
    )
    parser.add_argument("--readers", action="store_true", help="simulated people, proxies and scanners")
    for name in ("open", "click", "unsubscribe", "proxy-open", "scanner"):
        parser.add_argument(f"--reader-{name}", type=float, help=f"share of delivered mails: {name}")
    parser.add_argument("--reader-seed", type=int)
    parser.add_argument(
        "--reader-target",
        action="append",
        default=[],
        metavar="HOST",
        help="besides loopback, a host that readers may unsubscribe at",
    )
    parser.add_argument("--handlebars-dir", type=Path, help="folder that holds node_modules/handlebars")


def config_from(options: argparse.Namespace) -> Config:
    """Settings from parsed flags."""
    names = ("open", "click", "unsubscribe", "proxy_open", "scanner", "seed")
    rates = {name: getattr(options, f"reader_{name}") for name in names}
    return Config(
        host=options.host,
        port=options.port,
        region=options.region,
        state_dir=options.state_dir,
        public_url=options.public_url,
        max_send_rate=options.max_send_rate,
        max_24_hour_send=options.max_24_hour_send,
        production_access=not options.no_production_access,
        burst_seconds=options.burst_seconds,
        auto_verify=not options.no_auto_verify,
        send_delay=options.send_delay,
        delivery_delay=options.delivery_delay,
        retry_scale=options.retry_scale,
        signature_age=options.signature_age,
        readers=options.readers,
        reader_rates={name: value for name, value in rates.items() if value is not None},
        reader_targets=tuple(options.reader_target),
        handlebars_dir=options.handlebars_dir,
    )


def make_server(config: Config, listener: socket.socket) -> tuple[uvicorn.Server, Sandbox]:
    """A server for an open socket, whose port it takes over."""
    config.port = listener.getsockname()[1]
    sandbox = Sandbox(config)
    settings = uvicorn.Config(
        Application(sandbox),
        http=DroppableProtocol,
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
    )
    return uvicorn.Server(settings), sandbox


def listen(host: str, port: int) -> socket.socket:
    """Bind, or say plainly that the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SystemExit(
                f"sandbox: port {port} on {host} is in use; choose another with --port"
            ) from error
        raise SystemExit(f"sandbox: cannot listen on {host}:{port}: {error}") from error
    listener.listen(2048)
    return listener


def run(options: argparse.Namespace) -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s sandbox %(levelname)s %(message)s")
    config = config_from(options)
    listener = listen(config.host, config.port)
    server, _sandbox = make_server(config, listener)
    sys.stdout.write(
        f"sandbox: {config.base_url} (mailbox {config.base_url}/mailbox), Region {config.region}, "
        f"account {ACCOUNT_ID}, access key {ACCESS_KEY}, secret {SECRET_KEY}\n"
    )
    sys.stdout.flush()
    server.run(sockets=[listener])


def main(arguments: list[str] | None = None) -> None:
    """Entry point without Django."""
    parser = argparse.ArgumentParser(
        prog="python -m mailplatform.sandbox", description="A local SES, SNS and mailbox."
    )
    add_arguments(parser)
    run(parser.parse_args(arguments))
