"""`manage.py redrive`: takes in the events that SNS could not deliver while the endpoint was away."""

import asyncio
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.endpoint import Endpoint
from mailplatform.accounts.services import installation
from mailplatform.aws import session, sqs
from mailplatform.aws.steps import AwsCallError

TAKEN_IN = 200
NOT_NOW = 503


class Command(BaseCommand):
    """Feeds each message to the verifier and the ingest that the web process uses, and deletes what they accept."""

    help = "Read the dead-letter queue and take its events in; what is refused stays in the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until the queue is empty; fail when messages were left in it."""
        url = installation.get().dead_letter_queue_url
        if not url:
            raise CommandError("There is no dead-letter queue yet: run `manage.py provision`.")
        try:
            answers = redrive(installation.aws_connection(), url)
        except (AwsCallError, session.AwsConfigurationError) as error:
            raise CommandError(str(error)) from error
        taken = answers.pop(TAKEN_IN, 0)
        self.stdout.write(f"{taken} events taken in")
        if answers.pop(NOT_NOW, 0):
            raise CommandError("The rest cannot be verified or stored now: try again later.")
        if refused := answers.total():
            raise CommandError(f"{refused} messages were refused and stay in the queue for up to two weeks.")


def redrive(connection: session.Connection, url: str) -> Counter[int]:
    """Take in all messages of the queue; returns how many got which answer of the endpoint."""
    endpoint = Endpoint()
    endpoint.writer.start()
    answers: Counter[int] = Counter()
    try:
        while messages := sqs.receive(connection, url):
            found = asyncio.run(_answers(endpoint, messages))
            for message, status in zip(messages, found, strict=True):
                if status == TAKEN_IN:
                    sqs.delete(connection, url, message.receipt)
            answers.update(found)
            if NOT_NOW in found:
                break
    finally:
        endpoint.writer.stop()
    return answers


async def _answers(endpoint: Endpoint, messages: list[sqs.Message]) -> list[int]:
    """Offer all at once, so that they share a commit."""
    return await asyncio.gather(*(endpoint.status_of(message.body) for message in messages))
