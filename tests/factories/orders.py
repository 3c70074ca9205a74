"""Files of orders, brought in by the wizard's own services."""

from typing import Any

from django.core.files.base import ContentFile

from subscribers.importing.columns import from_json
from subscribers.models import ImportJob, ImportKind, ImportState
from subscribers.services import importing
from subscribers.services.importing import SoftOptIn

FILE = (
    "order_id,email,date,amount,currency,product\n"
    "A-1,ann@example.com,2025-03-01 10:00:00,12.50,EUR,Tea\n"
    "A-1,ann@example.com,2025-03-01 10:00:00,7.50,EUR,Cup\n"
    "A-2,ann@example.com,2025-05-01,100,SEK,Tea\n"
    "A-3,bob@example.com,2024-12-31,9.99,EUR,Coffee\n"
)
SOFT = SoftOptIn(
    similar=True, opt_out=True, wording="We send you offers. No thanks: [ ]", where="checkout of shop.example"
)


def upload(text: str) -> ImportJob:
    """Upload a file of orders; returns the waiting job."""
    return importing.create_job(file=ContentFile(text.encode(), name="orders.csv"), kind=ImportKind.ORDERS)


def checked(text: str = FILE, **options: Any) -> ImportJob:
    """Declare what its columns mean and check it; returns the job that could be committed."""
    job = upload(text)
    options = {"shop": "shop", **options}
    importing.declare_orders(job=job, columns=from_json(job.mapping["columns"]), **options)
    job = importing.check(job=job)
    assert job.state == ImportState.READY, job.error
    return job


def bring_in(text: str = FILE, **options: Any) -> ImportJob:
    """Import it whole; returns the job that is done."""
    job = importing.commit(job=checked(text, **options))
    assert job.state == ImportState.DONE, job.error
    return job
