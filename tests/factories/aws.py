"""An account to provision: a connection to the sandbox whose calls are recorded and may be made to fail."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
from mailplatform.aws.sns import confirm_subscription
from mailplatform.aws.steps import Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox

SERVICES_THAT_LIST = ("sesv2", "sns", "sqs", "s3", "cloudwatch", "events")
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
        return Amazon(self.connection, buckets_region=self.want.buckets_region)

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


def inventory(sandbox: RunningSandbox) -> dict[str, list[str]]:
    """All that the account holds, as its services list it, each with what it is set to."""
    ses, sns, sqs, s3, watch, events = map(sandbox.client, SERVICES_THAT_LIST)
    sets = ses.list_configuration_sets(PageSize=1000)["ConfigurationSets"]
    identities = [
        item["IdentityName"] for item in ses.list_email_identities(PageSize=1000)["EmailIdentities"]
    ]
    topics = [item["TopicArn"] for item in sns.list_topics()["Topics"]]
    queues = sqs.list_queues().get("QueueUrls", [])
    buckets = [item["Name"] for item in s3.list_buckets()["Buckets"]]
    rules = events.list_rules()["Rules"]
    found: dict[str, list[Any]] = {
        "identities": [ses.get_email_identity(EmailIdentity=name) for name in identities],
        "sets": [ses.get_configuration_set(ConfigurationSetName=name) for name in sets],
        "destinations": [
            ses.get_configuration_set_event_destinations(ConfigurationSetName=name) for name in sets
        ],
        "pools": sandbox.sandbox.state.pools.values(),
        "tenants": sandbox.sandbox.state.tenants.values(),
        "topics": [sns.get_topic_attributes(TopicArn=arn)["Attributes"] for arn in topics],
        "subscriptions": sns.list_subscriptions()["Subscriptions"],
        "queues": [
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in queues
        ],
        "buckets": [_policy(s3, name) for name in buckets],
        "alarms": watch.describe_alarms()["MetricAlarms"],
        "dashboards": watch.list_dashboards()["DashboardEntries"],
        "rules": rules,
        "targets": [events.list_targets_by_rule(Rule=item["Name"])["Targets"] for item in rules],
    }
    return {kind: sorted(map(_as_text, items)) for kind, items in found.items()}


def _policy(s3: Any, bucket: str) -> str:
    """A bucket of somebody else's may have none."""
    try:
        return str(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except s3.exceptions.ClientError:
        return ""


def _as_text(item: Any) -> str:
    """Without what differs from one answer to the next."""
    whole = item if isinstance(item, dict) else {"": item}
    return json.dumps({**whole, "ResponseMetadata": None}, default=str, sort_keys=True)


@contextmanager
def confirming_site(sandbox: RunningSandbox) -> Iterator[str]:
    """Run a site that confirms whatever subscription it is asked for; give the address for its messages.

    It confirms as the product does, so that the call counts as the site's own.
    """
    connection = Connection(sandbox.region, constants.ACCESS_KEY, constants.SECRET_KEY, {"sns": sandbox.url})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if said["Type"] == "SubscriptionConfirmation":
                confirm_subscription(connection, topic_arn=said["TopicArn"], token=said["Token"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/sns/events/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_recorders: dict[str, Calls] = {}


def _listen(connection: Connection, calls: Calls) -> None:
    """Hook into the clients; they are kept by least use, so another test may have displaced them since."""
    for service in connection.endpoint_urls:
        events = session.client(connection, service).meta.events
        events.register_last("before-call.*.*", calls.before, unique_id="recorded-before")
        events.register_last("after-call.*.*", calls.after, unique_id="recorded-after")
