"""What one open or click costs that we count ourselves, beside a plain Django view that writes one row per hit.

`make bench BENCH=track` (SIZE=tiny|small|full). A process of its own asks for pixels and links over 16 kept
connections, as fast as answers come; then at a steady rate, where waits count from the moment a reader came. Ours
answers first and stores in groups: what is counted is compared with what was asked for. At last a server is killed
under the steady rate: how many of the answered hits were not stored. Prints a table, and as its last line a JSON
object.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.bench_ingest import HEAD, Line, make_people, say, services

if TYPE_CHECKING:
    from tests.benchmarks.event_site import Server

CONNECTIONS = 16
SHOP, PERSONAL = "https://shop.example/a?x=1", "https://shop.example/hello?name={{html.name}}"
MODULE = "tests.benchmarks.plain_track"


@dataclass(frozen=True)
class Size:
    """How many hits to each way; hits per second and seconds of the steady rate; people."""

    hits: int
    plain: int
    rate: int
    seconds: int
    people: int


SIZES = {
    "tiny": Size(300, 60, 50, 2, 200),
    "small": Size(8_000, 800, 50, 10, 4_000),
    "full": Size(80_000, 8_000, 100, 60, 40_000),
}
Paths = Callable[[int], list[str]]


class Bench:
    """One run with a link for everybody and one for each person, and servers to ask."""

    def __init__(self, folder: Path, environment: dict[str, str], size: Size) -> None:
        from tests.benchmarks import measuring, plain_track, sns_host
        from tests.fixtures.sns import chain as sns

        self.folder, self.size = folder, size
        # A site without https is one of the sandbox's; nothing here asks it for anything.
        host = sns_host.CertificateHost(sns.make_chain())
        self.environment = {**environment, **host.environment(), "PUBLIC_URL": "http://127.0.0.1:8000"}
        self.postmaster = measuring.postmaster(os.environ["MAILPLATFORM_DATA_DIR"])
        self.people = [number for number, _ in make_people(size.people)]
        self._server: Server
        self.plain_link = plain_track.prepare(1, SHOP)

    @staticmethod
    def make_run() -> int:
        """Make a run with both links; return its id."""
        from tests.factories.tracking import make_tracked_run

        number: int = make_tracked_run(SHOP, PERSONAL).pk
        return number

    def ours(self, name: str, hits: int, paths: "Paths", run_id: int, rate: float | None = None) -> Line:
        """Ask our server; RuntimeError where not everything was answered and counted."""
        from events.services import recounting

        line = self._ask(name, paths(hits), rate, lambda: _counted(run_id))
        if recounting.compare(run_id):
            raise RuntimeError("the counters do not agree with their rows")
        return line

    def plain(self, name: str, hits: int, kind: str, rate: float | None = None) -> Line:
        """Ask the plain view."""
        from tests.benchmarks import plain_track

        tail = f"/{self.plain_link}" if kind == "link" else ".gif"
        paths = [f"/plain/{plain_track.token(1, self._person(number))}{tail}" for number in range(hits)]
        before = plain_track.Hit.objects.count()
        return self._ask(name, paths, rate, lambda: plain_track.Hit.objects.count() - before)

    def _person(self, number: int) -> int:
        return self.people[number % len(self.people)]

    def links(self, run_id: int, target: str) -> "Paths":
        from campaigns.own_links import LINK_PATH, key_of
        from campaigns.tokens import make_tracking_token

        def paths(count: int) -> list[str]:
            tokens = [make_tracking_token(run_id, self._person(number)) for number in range(count)]
            return [f"{LINK_PATH}{token}/{key_of(target)}" for token in tokens]

        return paths

    def pixels(self, run_id: int) -> "Paths":
        from campaigns.own_links import PIXEL_PATH
        from campaigns.tokens import make_tracking_token

        def paths(count: int) -> list[str]:
            tokens = [make_tracking_token(run_id, self._person(number)) for number in range(count)]
            return [f"{PIXEL_PATH}{token}.gif" for token in tokens]

        return paths

    def _load(self, name: str, url: str, paths: list[str], rate: float | None) -> "subprocess.Popen[str]":
        file = self.folder / f"{name.replace(' ', '-').replace('/', '-')}.paths"
        file.write_text("\n".join(paths))
        command = [sys.executable, "-m", "tests.benchmarks.hit_load", str(file), str(CONNECTIONS), url]
        command += ["--rate", str(rate)] if rate else []
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @contextlib.contextmanager
    def server(self, application: str) -> Iterator[None]:
        """Serve an application; the lines measured meanwhile are of it."""
        from tests.benchmarks import event_site

        log = self.folder / f"{application.replace(':', '.')}.log"
        with event_site.Server(self.environment, log, application=application, path="/livez") as self._server:
            yield

    def _ask(self, name: str, paths: list[str], rate: float | None, stored: Callable[[], int]) -> Line:
        from tests.benchmarks import event_site, measuring

        server = self._server
        warm = paths[: max(CONNECTIONS, len(paths) // 10)]
        event_site.figures_of(self._load("warm", server.url, warm, None))
        _wait_for(stored, len(warm))
        measuring.checkpoint()
        before, cpu = measuring.read(self.postmaster), server.cpu_s()
        figures = event_site.figures_of(self._load(name, server.url, paths, rate))
        answered = time.perf_counter()
        if set(figures["answers"]) - {"200", "302"}:
            raise RuntimeError(f"the server answered {figures['answers']}:\n{server.log.read_text()[-2000:]}")
        _wait_for(stored, len(warm) + len(paths))
        lag = time.perf_counter() - answered
        used = measuring.read(self.postmaster).since(before)
        line = Line(name, len(paths), figures["seconds"], server.cpu_s() - cpu)
        line.more["rss_mb"] = measuring.peak_rss_mb(server.pid)
        line.postgres_cpu, line.wal, line.lag_ms = used.cpu_s, used.wal_bytes, lag * 1000
        line.p50_ms, line.p99_ms = figures["p50_ms"], figures["p99_ms"]
        return line

    def killed(self, rate: int, seconds: int) -> tuple[int, int]:
        """Kill our server under a steady rate; return hits answered, and of these not stored."""
        from tests.benchmarks import event_site

        run_id = self.make_run()
        server = event_site.Server(self.environment, self.folder / "killed.log", path="/livez")
        with server:
            paths = self.links(run_id, SHOP)(rate * seconds * 2)
            load = self._load("killed", server.url, paths, rate)
            time.sleep(seconds)
            server.kill()
            figures = event_site.figures_of(load)
        answered = figures["answers"].get("302", 0)
        time.sleep(0.5)  # a transaction on its way still ends
        return answered, answered - _counted(run_id)


def _counted(run_id: int) -> int:
    """All hits of a run, also those of people of whom only the number is kept."""
    from django.db.models import Sum

    from events.models import Counter

    found: int | None = Counter.objects.filter(run_id=run_id).aggregate(n=Sum("events"))["n"]
    return found or 0


def _wait_for(stored: Callable[[], int], wanted: int) -> None:
    until = time.perf_counter() + 60
    while stored() < wanted:
        if time.perf_counter() > until:
            raise RuntimeError(f"{stored()} of {wanted} hits were stored")
        time.sleep(0.005)


def main(size: Size, folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Measure everything and return the figures."""
    bench = Bench(folder, environment, size)
    steady, every = size.rate * size.seconds, f", {size.rate}/s"
    runs = [bench.make_run() for _ in range(6)]
    say(HEAD)
    lines: dict[str, Line] = {}

    def keep(line: Line) -> None:
        say(line.show())
        lines[line.name.replace(every, "_steady")] = line

    with bench.server("mailplatform.asgi:application"):
        keep(bench.ours("redirect", size.hits, bench.links(runs[0], SHOP), runs[0]))
        keep(bench.ours("pixel", size.hits, bench.pixels(runs[1]), runs[1]))
        keep(bench.ours("personal", size.plain, bench.links(runs[2], PERSONAL), runs[2]))
        keep(bench.ours(f"redirect{every}", steady, bench.links(runs[3], SHOP), runs[3], size.rate))
        keep(bench.ours(f"pixel{every}", steady, bench.pixels(runs[4]), runs[4], size.rate))
        keep(bench.ours(f"personal{every}", steady, bench.links(runs[5], PERSONAL), runs[5], size.rate))
    with bench.server(f"{MODULE}:application"):
        keep(bench.plain("plain redirect", size.plain, "link"))
        keep(bench.plain("plain pixel", size.plain, "pixel"))
        keep(bench.plain(f"plain redirect{every}", steady, "link", size.rate))
    answered, lost = bench.killed(size.rate, size.seconds)
    say(f"\nkilled under {size.rate} hits a second: {answered} answered, {lost} not stored")
    return _figures(lines, answered, lost)


def _figures(lines: dict[str, Line], answered: int, lost: int) -> dict[str, Any]:
    def cpu(name: str) -> float:
        return (lines[name].server_cpu + lines[name].postgres_cpu) / lines[name].events * 1e6

    def rate(name: str) -> float:
        return lines[name].events / lines[name].seconds

    return {
        "redirects_per_s": round(rate("redirect")),
        "pixels_per_s": round(rate("pixel")),
        "personal_per_s": round(rate("personal")),
        "ratio_to_plain": round(rate("redirect") / rate("plain redirect"), 1),
        "cpu_ratio_to_plain": round(cpu("plain redirect") / cpu("redirect"), 1),
        "server_us": round(lines["redirect"].server_cpu / lines["redirect"].events * 1e6),
        "pg_us": round(lines["redirect"].postgres_cpu / lines["redirect"].events * 1e6),
        "p99_ms": round(lines["redirect_steady"].p99_ms, 1),
        "p50_ms": round(lines["redirect_steady"].p50_ms, 1),
        "pixel_p99_ms": round(lines["pixel_steady"].p99_ms, 1),
        "personal_p99_ms": round(lines["personal_steady"].p99_ms, 1),
        "plain_p99_ms": round(lines["plain redirect_steady"].p99_ms, 1),
        "peak_rss_mb": round(max(line.more["rss_mb"] for line in lines.values())),
        "answered_before_kill": answered,
        "lost_by_kill": lost,
    }


if __name__ == "__main__":
    with services() as (place, started):
        say(json.dumps(main(SIZES[os.environ.get("SIZE") or "small"], place, started)))
