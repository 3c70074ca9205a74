"""The story that `make demo` tells; it needs the processes that `demo` starts."""

import json
import os
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Campaign, Run
from mailplatform.management.demo import reckoning, story
from mailplatform.management.demo.sandbox_client import SandboxClient

FIRST, SECOND = "Welcome to Demo Shop", "Product promotion"


class Command(BaseCommand):
    """Sets up, imports, sends and reckons."""

    help = "Tell the demo's story against running processes (`make demo` starts them)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--once`."""
        parser.add_argument(
            "--once", action="store_true", help="send a second campaign and print one JSON line"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the story; on a second start everything is there and only the way in is said."""
        if not settings.SANDBOX_URL:
            raise CommandError("The story is for the sandbox only. Start it with `make demo`.")
        self.started = float(os.environ.get("DEMO_STARTED", time.time()))
        self.sandbox = SandboxClient(settings.SANDBOX_URL)
        try:
            if options["once"]:
                self.once()
            else:
                self.stay()
        except (story.StoryFailedError, TimeoutError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            # Ctrl-C reaches this process too; `demo` says that it stops.
            raise SystemExit(130) from None

    def stay(self) -> None:
        """Prepare the site for a visitor, then send the first campaign under the visitor's eyes."""
        address, password = story.administrator(Path(settings.DATA_DIR))
        told = Campaign.objects.filter(name=FIRST).exists()
        if not told:
            self.prepare()
        self.stdout.write(f"Open {settings.PUBLIC_URL} and sign in as {address} with the password {password}")
        if told:
            # The sandbox keeps mail and set-up over a restart, but neither its queues nor its readers.
            story.provision()
            self.sandbox.let_people_read()
        else:
            run = self.tell(FIRST, "welcome-campaign")
            self.say(f"Sent. Its report: {settings.PUBLIC_URL}/campaigns/{run.campaign.public_id}/report/")
            story.make_campaign(SECOND, "product-promotion")
            self.say(
                f"“{SECOND}” waits as a draft for you to launch. All mail: {settings.SANDBOX_URL}/mailbox"
            )
        self.say("Ctrl-C stops everything; the next `make demo` goes on from here.")

    def once(self) -> None:
        """Send two campaigns, reckon and print the JSON line."""
        self.prepare()
        first = self.tell(FIRST, "welcome-campaign")
        second = self.tell(SECOND, "product-promotion")
        story.check_nothing_was_refused()
        first.refresh_from_db()
        sums = reckoning.reckon(first.pk, first.audience or 0, self.sandbox.mailbox(first.pk))
        sums["second_run_wrong"] = reckoning.second_run_wrong(first.pk, second.pk)
        wrong = reckoning.contradictions(sums)
        self.stdout.write(json.dumps({**sums, "seconds": round(time.time() - self.started, 1)}))
        if wrong:
            raise CommandError("The sums do not agree: " + "; ".join(wrong))

    def prepare(self) -> None:
        """Set everything up and import the people."""
        story.set_up(self.say)
        self.sandbox.let_people_read()
        story.import_people(self.say)
        story.let_some_leave(self.say)

    def tell(self, name: str, slug: str) -> Run:
        """Send one campaign and wait until all that it caused has come back."""
        run = story.send(story.make_campaign(name, slug), self.say)
        self.say("Waiting for deliveries, bounces, opens, clicks and one-click unsubscribes")
        self.sandbox.wait_until_quiet(lambda _pending: None)
        return run

    def say(self, words: str) -> None:
        """Write to standard error with the seconds since the start: standard output is for the result."""
        self.stderr.write(f"{time.time() - self.started:6.1f} s  {words}")
