"""One sandbox for all tests of this folder, emptied between them, and an endpoint that SNS can post to."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mailplatform.sandbox.testing import RunningSandbox
from tests.mailplatform.sandbox.support import ALL_EVENTS, Post, Receiver, Visit, Wired, ses_policy


@pytest.fixture
def sbx(shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """An empty sandbox account."""
    shared_sandbox.reset()
    yield shared_sandbox
    shared_sandbox.api.delete("misbehave")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint on a free port."""
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            post = Post(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            found.posts.append(post)
            self.send_response(found.answer(post))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            found.visits.append(Visit(self.command, self.path, self.headers["user-agent"]))
            picture = self.path.startswith("/o/")
            self.send_response(found.greeting or (200 if picture else 302))
            self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "43" if picture else "0")
            self.end_headers()
            if picture and self.command == "GET":
                self.wfile.write(b"." * 43)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def wired(sbx: RunningSandbox, receiver: Receiver) -> Wired:
    ses, sns = sbx.client("sesv2"), sbx.client("sns")
    ses.create_email_identity(EmailIdentity="example.com")
    topic = sns.create_topic(Name="events", Attributes={"SignatureVersion": "2"})["TopicArn"]
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=ses_policy(topic))
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url)
    sbx.wait_quiet()
    token = receiver.envelopes("SubscriptionConfirmation")[-1]["Token"]
    subscription = sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"]
    ses.create_configuration_set(ConfigurationSetName="all")
    ses.create_configuration_set_event_destination(
        ConfigurationSetName="all",
        EventDestinationName="sns",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ALL_EVENTS,
            "SnsDestination": {"TopicArn": topic},
        },
    )
    ses.create_email_template(
        TemplateName="t",
        TemplateContent={"Subject": "Hi {{name}}", "Html": "<p>Hi {{name}}</p>", "Text": "Hi {{name}}"},
    )
    # The announcement of the destination is on its way.
    sbx.wait_quiet()
    return Wired(sbx, receiver, topic, subscription, ses, sns)
