"""Start-up settings of the sandbox. Everything an account may change later lives in ``Account``."""

from dataclasses import dataclass, field
from pathlib import Path

from .constants import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_REGION


@dataclass
class Config:
    """Settings fixed for the life of the process; times in seconds, rates per second."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    region: str = DEFAULT_REGION
    state_dir: Path | None = None
    public_url: str = ""
    max_send_rate: float = 500.0
    max_24_hour_send: float = 200_000.0
    production_access: bool = True
    burst_seconds: float = 2.0
    auto_verify: bool = True
    send_delay: float = 0.05
    delivery_delay: float = 0.3
    retry_scale: float = 1.0
    signature_age: float = 300.0
    connections: int = 32
    readers: bool = False
    reader_rates: dict[str, float] = field(default_factory=dict)
    reader_targets: tuple[str, ...] = ()
    handlebars_dir: Path | None = None

    @property
    def base_url(self) -> str:
        """Address that goes into pixels and rewritten links."""
        if self.public_url:
            return self.public_url.rstrip("/")
        # "Every address" is none that a reader could follow.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
