"""An account to provision: a connection to the sandbox whose calls are recorded and may be made to fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mailplatform.aws import session
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.provision.catalogue import describe
from mailplatform.aws.provision.engine import Ending, Provisioner
from mailplatform.aws.provision.kinds import all_kinds
from mailplatform.aws.provision.model import Resource, Step
from mailplatform.aws.provision.wanted import Schedule, Wanted
from mailplatform.aws.regions import EEA_REGIONS
from mailplatform.aws.session import Connection
from mailplatform.aws.steps import Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

SERVICES = ("sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events")
READS = ("Get", "List", "Describe", "Head")
WEEKLY = Schedule("weekly", "cron(0 7 ? * MON *)", "0b9c7a4e-6a1f-4b60-9f0f-2f3d5a7c9e11")


@dataclass
class Calls:
    """What was called, as (service, operation); `fail` may refuse a call before or after it was carried out."""

    made: list[tuple[str, str]] = field(default_factory=list)
    fails: Callable[[int, str], str] = lambda *_: ""

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Calls that may change something."""
        return [(service, name) for service, name in self.made if not name.startswith(READS)]

    def before(self, model: Any, **_: Any) -> Any:
        """Botocore's `before-call`: an answer given here is taken instead of a request."""
        self.made.append((model.service_model.service_name, model.name))
        if self.fails(len(self.made) - 1, model.name) == "before":
            return _Refusal(), {"Error": {"Code": "Injected", "Message": "refused"}, "ResponseMetadata": {}}
        return None

    def after(self, model: Any, http_response: Any, parsed: Any, **_: Any) -> None:
        """Botocore's `after-call`: the request was carried out, its answer is made to look lost."""
        if self.fails(len(self.made) - 1, model.name) == "after":
            http_response.status_code = 500
            parsed["Error"] = {"Code": "Injected", "Message": "answer lost"}


class _Refusal:
    status_code = 400
    headers: dict[str, str] = {}


@dataclass
class Account:
    """A fresh account in the sandbox, with what is wanted there."""

    connection: Connection
    want: Wanted
    calls: Calls

    @property
    def amazon(self) -> Amazon:
        """A new door to the same account: nothing is remembered between runs."""
        if self.connection.region in EEA_REGIONS:
            _listen(self.connection, self.calls)
        return Amazon(self.connection)

    @property
    def resources(self) -> list[Resource]:
        """The descriptions."""
        amazon = self.amazon
        return describe(self.want, amazon.arn, amazon.account_id, amazon.region)

    def plan(self) -> list[Step]:
        """What would change."""
        return list(Provisioner(self.amazon).plan(self.resources))

    def apply(self, patience: float = 10.0) -> list[tuple[Outcome, str]]:
        """Make it so; what was reported."""
        found: list[tuple[Outcome, str]] = []
        provisioner = Provisioner(self.amazon, all_kinds(patience))
        provisioner.apply(self.resources, lambda outcome, what: found.append((outcome, what)))
        return found

    def destroy(self) -> list[tuple[Ending, str]]:
        """Take it away; what was told."""
        found: list[tuple[Ending, str]] = []
        Provisioner(self.amazon).destroy(self.resources, lambda ending, what: found.append((ending, what)))
        return found


def everything(prefix: str, **changes: Any) -> Wanted:
    """All that can be wanted but a subscription, which needs a site."""
    domain = f"{prefix}.example.eu"
    options: dict[str, Any] = {
        "identities": (domain,),
        "operations_address": "ops@example.eu",
        "ip_pool": f"{prefix}-pool",
        "tenant": f"{prefix}-tenant",
        "tracking_domain": f"t.{domain}",
        "schedules": (WEEKLY,),
    }
    return Wanted(prefix, **{**options, **changes})


def account(sandbox: RunningSandbox, want: Wanted) -> Account:
    """Connect with clients that are kept for tests of provisioning, so that the hooks see their calls only."""
    connection = Connection(
        sandbox.region,
        constants.ACCESS_KEY,
        constants.SECRET_KEY,
        dict.fromkeys(SERVICES, sandbox.url),
        read_timeout=29.0,
    )
    calls = _recorders.setdefault(sandbox.url, Calls())
    calls.made.clear()
    calls.fails = lambda *_: ""
    return Account(connection, want, calls)


_recorders: dict[str, Calls] = {}


def _listen(connection: Connection, calls: Calls) -> None:
    """Hook into the clients; they are kept by least use, so another test may have displaced them since."""
    for service in connection.endpoint_urls:
        events = session.client(connection, service).meta.events
        events.register_last("before-call.*.*", calls.before, unique_id="recorded-before")
        events.register_last("after-call.*.*", calls.after, unique_id="recorded-after")
