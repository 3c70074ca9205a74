"""The plain way to count clicks: one Django view that writes one row per hit. Only to be compared with.

Same settings and middleware as the product, but for the limit on one visitor. It looks the link up, asks for no
consent and knows no machine; nothing adds its rows up.
"""

import os
from typing import ClassVar

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
django.setup()

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.core.handlers.asgi import ASGIHandler
from django.db import connections, models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from events.tracking import GIF
from mailplatform import urls
from mailplatform.core import clock

TABLES = """
DROP TABLE IF EXISTS plain_hit, plain_link;
CREATE TABLE plain_link (id bigserial PRIMARY KEY, run_id bigint NOT NULL, url text NOT NULL);
CREATE TABLE plain_hit (id bigserial PRIMARY KEY, run_id bigint NOT NULL, subscriber_id bigint NOT NULL,
    link_id bigint, user_agent text NOT NULL, at timestamptz NOT NULL);
CREATE INDEX ON plain_hit (run_id, subscriber_id);
GRANT ALL ON plain_link, plain_hit TO PUBLIC;
GRANT ALL ON SEQUENCE plain_link_id_seq, plain_hit_id_seq TO PUBLIC;
"""


class Link(models.Model):
    """Where a link of a run leads."""

    objects: ClassVar[models.Manager["Link"]] = models.Manager()
    run_id = models.BigIntegerField()
    url = models.TextField()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "plain_link"

    def __str__(self) -> str:
        return self.url


class Hit(models.Model):
    """One open or click."""

    objects: ClassVar[models.Manager["Hit"]] = models.Manager()
    run_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    link_id = models.BigIntegerField(null=True)
    user_agent = models.TextField()
    at = models.DateTimeField()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "plain_hit"

    def __str__(self) -> str:
        return f"{self.run_id}/{self.subscriber_id}"


def prepare(run_id: int, url: str) -> int:
    """Make the tables with one link; return its id."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(TABLES)
    number: int = Link.objects.create(run_id=run_id, url=url).pk
    return number


def token(run_id: int, subscriber_id: int) -> str:
    """What stands in a mail's links."""
    return signing.dumps([run_id, subscriber_id], compress=False)


def _note(request: HttpRequest, text: str, link_id: int | None) -> None:
    try:
        run_id, subscriber_id = signing.loads(text)
    except signing.BadSignature as error:
        raise Http404 from error
    Hit.objects.create(
        run_id=run_id,
        subscriber_id=subscriber_id,
        link_id=link_id,
        user_agent=request.headers.get("User-Agent", ""),
        at=clock.now(),
    )


@login_not_required
def follow(request: HttpRequest, text: str, link_id: int) -> HttpResponse:
    """Write a row and lead on."""
    link = Link.objects.get(pk=link_id)
    _note(request, text, link.pk)
    return HttpResponse(status=302, headers={"Location": link.url})


@login_not_required
def pixel(request: HttpRequest, text: str) -> HttpResponse:
    """Write a row and return the picture."""
    _note(request, text, None)
    return HttpResponse(GIF, content_type="image/gif")


settings.ROOT_URLCONF = __name__
# All hits come from one address, which would soon be asked to slow down.
settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith(".FloodMiddleware")]
urlpatterns = [
    path("plain/<str:text>/<int:link_id>", follow),
    path("plain/<str:text>.gif", pixel),
    *urls.urlpatterns,
]
application = ASGIHandler()
