"""The plain way: one Django view, one ORM insert and one Celery task per event. Only to be compared with.

Same settings, middleware, signature check and certificates as the product; the task does with the ORM what the
product does in the transaction of its group. Also the settings' URLconf and the worker's application.
"""

import json
import os
from typing import Any, ClassVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
django.setup()

from celery import Celery
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIHandler
from django.db import IntegrityError, connections, models, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from events import verify, wiring
from mailplatform import urls
from mailplatform.core import clock
from subscribers.models import Profile

app = Celery(
    "plain", broker=settings.REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
)
app.conf.task_default_queue = "plain"
app.conf.worker_prefetch_multiplier = 32
TABLES = """
DROP TABLE IF EXISTS plain_message, plain_outcome, plain_counter;
CREATE TABLE plain_message (id bigserial PRIMARY KEY, message_id uuid UNIQUE NOT NULL, body text NOT NULL,
    received_at timestamptz NOT NULL, handled_at timestamptz);
CREATE TABLE plain_outcome (id bigserial PRIMARY KEY, run_id bigint NOT NULL, subscriber_id bigint NOT NULL,
    state varchar(20) NOT NULL, at timestamptz, UNIQUE (run_id, subscriber_id));
CREATE TABLE plain_counter (id bigserial PRIMARY KEY, run_id bigint NOT NULL, type varchar(20) NOT NULL,
    events bigint NOT NULL, UNIQUE (run_id, type));
GRANT ALL ON plain_message, plain_outcome, plain_counter TO PUBLIC;
GRANT ALL ON SEQUENCE plain_message_id_seq, plain_outcome_id_seq, plain_counter_id_seq TO PUBLIC;
"""


class Message(models.Model):
    """A message as it came."""

    objects: ClassVar[models.Manager["Message"]] = models.Manager()
    message_id = models.UUIDField(unique=True)
    body = models.TextField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "plain_message"

    def __str__(self) -> str:
        return str(self.message_id)


class Outcome(models.Model):
    """The last thing heard of one person in one run."""

    objects: ClassVar[models.Manager["Outcome"]] = models.Manager()
    run_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    state = models.CharField(max_length=20)
    at = models.DateTimeField(null=True)

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "plain_outcome"

    def __str__(self) -> str:
        return self.state


class Counter(models.Model):
    """Events of one type of one run."""

    objects: ClassVar[models.Manager["Counter"]] = models.Manager()
    run_id = models.BigIntegerField()
    type = models.CharField(max_length=20)
    events = models.BigIntegerField(default=0)

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "plain_counter"

    def __str__(self) -> str:
        return self.type


def prepare() -> None:
    """Make the tables."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(TABLES)


_verifier, _topics = wiring.make_verifier()


@csrf_exempt
@login_not_required
def receive(request: HttpRequest) -> HttpResponse:
    """Verify, store, enqueue."""
    if _topics.is_stale():
        _topics.refresh()
    try:
        message = _verifier.verify(request.body)
    except (verify.Refused, verify.CannotVerifyNow):
        return HttpResponse(status=403)
    try:
        with transaction.atomic():
            row = Message.objects.create(
                message_id=message.message_id, body=message.message, received_at=clock.now()
            )
    except IntegrityError:
        return HttpResponse()
    handle.delay(row.pk)
    return HttpResponse()


@app.task(ignore_result=True)
def handle(pk: int) -> None:
    """Do what one event asks for."""
    row = Message.objects.get(pk=pk)
    event: dict[str, Any] = json.loads(row.body)
    tags = event["mail"]["tags"]
    run_id, person, kind = int(tags["mp-run"][0]), int(tags["mp-sub"][0]), event["eventType"]
    with transaction.atomic():
        outcome, _ = Outcome.objects.get_or_create(run_id=run_id, subscriber_id=person)
        outcome.state, outcome.at = kind, clock.now()
        outcome.save()
        profile = Profile.objects.filter(pk=person).first()
        if profile is not None and kind in {"Delivery", "Open", "Click"}:
            Profile.objects.filter(pk=person).update(last_sent_at=clock.now())
        Counter.objects.get_or_create(run_id=run_id, type=kind)
        Counter.objects.filter(run_id=run_id, type=kind).update(events=models.F("events") + 1)
        row.handled_at = clock.now()
        row.save(update_fields=["handled_at"])


settings.ROOT_URLCONF = __name__
urlpatterns = [path("plain/", receive), *urls.urlpatterns]
application = ASGIHandler()
