"""How exactly four worker processes keep one account's rate: never above it plus one burst, and how much is used.

`make bench BENCH=rate`: 60 seconds at 1, 14, 200 and 2,000 recipients per second; SIZE=small: 15 seconds each. The
workers are processes of their own on one run; a fake SES in another answers after 20 ms and notes by its own clock
when each recipient arrived. The burst is what the bucket holds (a quarter second's worth, at least one call). What
was used counts from the first arrival to the last, because a bucket starts empty. Prints a table and one JSON line.
"""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .bench_send import HTML, _ask, _django, _freeze, _people, _say, site

LIMITS = (1, 14, 200, 2000)
SECONDS = {"tiny": 4, "small": 15, "full": 60}
WORKERS = 4
ANSWER_MS = 20


@dataclass
class Result:
    """One line of the table. `fullest` is the fullest window of one second."""

    limit: int
    recipients: int
    calls: int
    fullest: int
    burst: float
    share: float

    @property
    def over_burst(self) -> float:
        """What the fullest second had above the limit, in bursts: above 1 the promise is broken."""
        return max(0.0, self.fullest - self.limit) / self.burst

    def cells(self) -> list[str]:
        """What stands in the table."""
        return [
            f"{self.limit:,}/s",
            f"{self.recipients:,}",
            f"{self.calls:,}",
            f"{self.fullest:,}",
            f"{self.limit + self.burst:,.1f}",
            f"{self.over_burst:.2f}",
            f"{100 * self.share:.1f} %",
        ]


HEAD = ["limit", "recipients", "calls", "fullest second", "limit + burst", "bursts over", "used"]


@contextlib.contextmanager
def stamping_ses() -> Iterator[str]:
    """The address of the fake SES, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.stamping_ses", str(ANSWER_MS)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def work(run_id: int, url: str, seconds: float) -> None:
    """A worker's process: wait for the word, drain for so long, tell how."""
    _django()
    from django.db import connections

    from campaigns.sending import clients, drain
    from mailplatform.aws import ses, session

    sender = ses.BulkSender.to_ses(
        session.Connection("eu-central-1", "AKIDEXAMPLE", "secret", {"sesv2": url})
    )
    clients.rate_limiter()
    _say("ready")
    sys.stdin.readline()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        drain.drain(run_id, sender=sender, seconds=left, slots=WORKERS)
    connections.close_all()


@contextlib.contextmanager
def workers(run_id: int, url: str, seconds: float) -> Iterator[list["subprocess.Popen[str]"]]:
    """Four of them, ready to begin; killed at the end if they still live."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_rate", "worker", str(run_id), url, str(seconds)]
    found = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(WORKERS)
    ]
    try:
        for process in found:
            assert process.stdout is not None
            process.stdout.readline()
        yield found
    finally:
        for process in found:
            process.kill()
            process.communicate()


def measure(url: str, limit: int, seconds: float, run_id: int) -> Result:
    """One limit."""
    from campaigns.sending import limiter
    from mailplatform.accounts.services import installation

    installation.update(actor=None, max_send_rate=float(limit), account_id=f"{limit:012d}")
    with workers(run_id, url, seconds) as processes:
        _ask(url, "/fake/reset?ms=20")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            if process.wait(timeout=seconds + 60):
                raise SystemExit("a worker ended with an error")
    stamps: list[tuple[float, int]] = sorted((at, count) for at, count in _ask(url, "/fake/stamps"))
    return summary(limit, stamps, limiter.capacity(limit))


def summary(limit: int, stamps: list[tuple[float, int]], burst: float) -> Result:
    """The fullest second, and the share of the limit used between the first arrival and the last."""
    fullest = held = first = 0
    for at, count in stamps:
        held += count
        while stamps[first][0] <= at - 1:
            held -= stamps[first][1]
            first += 1
        fullest = max(fullest, held)
    total = sum(count for _, count in stamps)
    passed = stamps[-1][0] - stamps[0][0] if len(stamps) > 1 else 0.0
    share = (total - stamps[0][1]) / (limit * passed) if passed else 0.0
    return Result(limit, total, len(stamps), fullest, burst, share)


def measure_all(url: str, seconds: float) -> list[Result]:
    """All limits, one after the other, each with a run of its own."""
    from mailplatform.accounts.services import installation
    from mailplatform.core import clock
    from tests.factories import campaigns as factories
    from tests.factories.sending import make_list

    # A reading of the account from the future keeps it from being read again.
    factories.make_site(
        public_url="https://mail.example.com", quota_read_at=clock.now() + dt.timedelta(days=1)
    )
    installation.update(actor=None, max_24_hour_send=-1.0)
    template = factories.make_template(html=HTML, defaults={"city": "your town"})
    found, first = [], 1
    for limit in LIMITS:
        count = int(limit * (seconds + 5)) + 100
        audience = make_list()
        _people(first, first + count - 1, audience.pk)
        first += count
        run, _ = _freeze(audience, template)
        found.append(measure(url, limit, seconds, run.pk))
    return found


def _table(results: list[Result]) -> None:
    rows = [HEAD, *(result.cells() for result in results)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    for row in rows:
        _say("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def main(size: str) -> dict[str, Any]:
    """Run everything, print the table, and return the figures of the JSON line."""
    seconds = SECONDS[size]
    with (
        tempfile.TemporaryDirectory(prefix="mailplatform-bench-") as directory,
        site(directory),
        stamping_ses() as url,
    ):
        results = measure_all(url, seconds)
    _table(results)
    return {
        "limits": [result.limit for result in results],
        "workers": WORKERS,
        "seconds": seconds,
        "fullest_second": [result.fullest for result in results],
        "burst": [round(result.burst, 1) for result in results],
        "used_share": [round(result.share, 4) for result in results],
        "worst_over_burst": round(max(result.over_burst for result in results), 3),
        "least_used_share": round(min(result.share for result in results), 4),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(int(sys.argv[2]), sys.argv[3], float(sys.argv[4]))
    else:
        _say(json.dumps(main(os.environ.get("SIZE") or "full")))
