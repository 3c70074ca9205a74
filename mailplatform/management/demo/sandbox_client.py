"""Asks the sandbox what it received and tells its simulated readers how to behave."""

import json
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

READERS = {
    "enabled": True, "open": 0.45, "click": 0.12, "unsubscribe": 0.01, "proxy_open": 0.15, "scanner": 0.05,
    "min_delay": 0.5, "max_delay": 6.0,
}  # fmt: skip


class SandboxClient:
    """The few calls of the sandbox's own API that the demo needs."""

    def __init__(self, url: str) -> None:
        """Talk to the sandbox at `url`."""
        self.url = url.rstrip("/")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer of the sandbox's API below `/_sandbox/api/`."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_sandbox/api/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def let_people_read(self) -> None:
        """Switch the simulated readers on: they open, click and leave at fixed rates."""
        self.call("PUT", "readers", READERS)

    def mailbox(self, run_id: int) -> Counter[str]:
        """Return how many mails of the run each address received."""
        query = urllib.parse.urlencode({"tag": "mp-run", "mp-run": run_id})
        groups = self.call("GET", f"summary?{query}")["groups"]
        return Counter(groups.get(str(run_id), {}).get("addresses", {}))

    def wait_until_quiet(self, tick: Callable[[int], None], seconds: float = 150) -> None:
        """Wait until nothing is pending any more: events, retries, readers. Raise TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 3:
            pending = int(self.call("GET", "events")["pending"])
            quiet = 0 if pending else quiet + 1
            tick(pending)
            if time.monotonic() > deadline:
                message = f"{pending} events are still on their way after {seconds:.0f} seconds."
                raise TimeoutError(message)
            time.sleep(0.3)
