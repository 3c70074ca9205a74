"""The account at Amazon: as provisioning left it, the senders, the buckets, and the clock by which it judges us."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3
from django.conf import settings

from campaigns.selectors.campaigns import is_verified
from events.endpoint import PATH
from events.services.provisioning import wanted
from mailplatform.accounts import vault
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import buckets as bucket_check
from mailplatform.aws import checkup, session
from mailplatform.aws.checkup import Finding, Level
from mailplatform.aws.provision.wanted import rule_name
from mailplatform.aws.steps import AwsCallError, plain_errors
from mailplatform.core import clock

from .services import judged_clock

SECONDS: Final = 5.0


def account() -> Iterator[Finding]:
    """Look at the account with what provisioning wrote down."""
    row = installation.get()
    expected = checkup.Expected(
        account_id=row.account_id,
        prefix=row.configuration_set_prefix,
        topic_arns=tuple(row.topic_arns),
        endpoint=f"{installation.public_url(row)}{PATH}",
        queue_url=row.dead_letter_queue_url,
        tls_policy=settings.SES_TLS_POLICY,
        rules={
            rule_name(row.configuration_set_prefix, item.name): item.expression for item in wanted().schedules
        },
    )
    try:
        aws = installation.aws_connection()
    except vault.SecretUnreadable:
        return  # said under the keys
    reachable = True
    for finding in checkup.examine(aws, expected):
        reachable = reachable and (
            finding.level is not Level.ERROR or finding.subject != "Amazon keys and Region"
        )
        yield finding
    if reachable:
        yield from amazons_clock(aws)
        yield from senders(aws, row)


def amazons_clock(aws: session.Connection) -> Iterator[Finding]:
    """Hold our clock against the time that Amazon SES writes on any answer, also on a refusal."""
    try:
        answer = urllib3.request(
            "GET", session.endpoint_url(aws, "sesv2"), timeout=SECONDS, retries=False, redirect=False
        )
        there = parsedate_to_datetime(answer.headers["Date"])
    except (urllib3.exceptions.HTTPError, KeyError, ValueError):
        return  # whether Amazon answers at all is said above
    error = clock.now() - there
    # The answer names whole seconds.
    yield judged_clock("Clock of Amazon", error - min(error, dt.timedelta(seconds=1), key=abs), "Amazon SES")


def senders(aws: session.Connection, row: Installation) -> Iterator[Finding]:
    """Look whether mail of each sender can be signed: DKIM and the other DNS records, as Amazon sees them."""
    domain = row.sender_address.rpartition("@")[2]
    names = dict.fromkeys([*row.verified_identities, *([domain] if domain else [])])
    for name in names:
        try:
            with plain_errors():
                found = session.client(aws, "sesv2").get_email_identity(EmailIdentity=name)
        except AwsCallError as error:
            if name not in row.verified_identities and is_verified(row.sender_address, row):
                continue  # it needs none of its own: the address itself, or a domain above, is verified
            cure = f"run `manage.py provision --identity {name}`"
            yield Finding(Level.ERROR, f"Sender {name}", f"{error}: {cure}")
        else:
            judged = judged_sender(name, found)
            yield (
                judged
                if name in row.verified_identities or judged.level is not Level.OK
                else _unnoticed(name)
            )


def _unnoticed(name: str) -> Finding:
    cure = "press Look again under Deliverability, and look whether the scheduler runs"
    return Finding(
        Level.WARNING, f"Sender {name}", f"is verified at Amazon, which this site has not noticed yet: {cure}"
    )


def judged_sender(name: str, found: Mapping[str, Any]) -> Finding:
    """Say by SES's answer to GetEmailIdentity whether mail of this sender leaves, and is signed."""
    subject, dkim = f"Sender {name}", found.get("DkimAttributes") or {}
    signed = "@" in name or dkim.get("Status") == "SUCCESS"
    if found.get("VerifiedForSendingStatus") and signed:
        return Finding(Level.OK, subject, "verified" if "@" in name else "verified and signed (DKIM)")
    if "@" in name:
        cure = "click the link in the mail that Amazon has sent there"
        return Finding(Level.ERROR, subject, f"is not verified: {cure}")
    host = dkim.get("SigningHostedZone") or "dkim.amazonses.com"
    records = [f"{token}._domainkey.{name} CNAME {token}.{host}" for token in dkim.get("Tokens", ())]
    cure = f"add these DNS records: {'; '.join(records)}" if records else "run `manage.py provision`"
    return Finding(Level.ERROR, subject, f"is not signed (DKIM {dkim.get('Status', 'is off')}): {cure}")


def buckets() -> Iterator[Finding]:
    """Look where the buckets really are, whoever sends; not where a storage of one's own stands in for Amazon's."""
    named = {settings.S3_BUCKET: "S3_BUCKET", settings.LEDGER_BUCKET: "LEDGER_BUCKET"}
    named.pop("", None)
    if settings.AWS_ENDPOINT_URLS.get("s3") or not named:
        return
    try:
        aws = replace(installation.aws_connection(), region=settings.S3_REGION)
    except vault.SecretUnreadable:
        return  # said under the keys
    for bucket, setting in named.items():
        yield bucket_check.examine(aws, bucket, setting)
