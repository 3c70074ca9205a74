"""The look at the people of a cut goes person by person, however large lists and runs are."""

import pytest
from django.db import connection, transaction

from campaigns.models import Batch, Delivery, Run
from campaigns.sending import cut, plans
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from tests.factories.sending import make_list, make_people, make_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("tries_again", [False, True])
@pytest.mark.parametrize("segment_chosen", [False, True])
def test_no_list_run_or_table_is_read_whole(
    site: Installation, segment_chosen: bool, tries_again: bool
) -> None:
    audience = make_list()
    people = make_people(300, audience)
    old, run = make_run(audience), make_run(audience, segment_chosen=segment_chosen)
    if tries_again:
        Run.objects.filter(pk=run.pk).update(source_run=old)
    rows = (Delivery(run_id=old.pk, subscriber_id=p.pk, state="accepted", at=clock.now()) for p in people)
    Delivery.objects.bulk_create(rows)
    plan = plans.Plan.load(Run.objects.get(pk=run.pk), "mailplatform")
    sql = plan.people_sql(run.template_version_id)
    ids = Batch.objects.get(run_id=run.pk).subscriber_ids
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(cut._RUN, [run.pk])
        cursor.execute(f"EXPLAIN {sql}", plan.people_values(ids))
        found = "\n".join(row[0] for row in cursor.fetchall())
    assert ("%(earlier)s" in sql) is tries_again, "only such runs pay for the look at the earlier ones"
    for trap in ("Seq Scan", "hashed", "Hash", "Merge", "Materialize"):
        assert trap not in found, found
