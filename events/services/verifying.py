"""From which identities Amazon SES lets this site send: asked one by one, and kept with the settings.

Amazon verifies a domain some minutes after its DNS records are there, or days, and takes that back when they go. It
tells nobody, so it is asked: every few minutes while something waits, every hour otherwise, and whenever somebody looks
again. Only Amazon's own word takes an identity off the list. Silence, a throttle and a refusal leave it as it was: the
site's keys may look at the identities that were named when provisioning, and at no others.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from campaigns.models import Sender
from campaigns.selectors.campaigns import identities_of
from campaigns.sending import smtp
from events import providers
from mailplatform.accounts import vault
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import identity
from mailplatform.aws.control import ControlQueueBusy
from mailplatform.aws.identity import Identity
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.steps import AwsCallError, NoAnswerError
from mailplatform.core import clock

from . import following, provisioning

log = structlog.get_logger(__name__)

JOB: Final = "identities"
WAITING: Final = timedelta(minutes=5)
EVERY: Final = timedelta(hours=1)
# An account may hold thousands, and answers one question a second.
MOST: Final = 20
EXPECTED: Final = (AwsCallError, AwsConfigurationError, ControlQueueBusy, vault.SecretUnreadable)
Answer = Identity | Exception


def look_if_due() -> bool:
    """Ask when it is time; return whether it was. Without an account, or beside an SMTP server, it never is."""
    row = installation.get()
    if not row.account_id or smtp.server() is not None:
        return False
    last = following.read_until(JOB)
    every = WAITING if waiting(row) else EVERY
    if last is not None and clock.now() - last < every:
        return False
    with following.window(JOB):
        note(ask(names(row)))
    return True


def waiting(row: Installation) -> list[str]:
    """Return the identities that were wanted when provisioning and that Amazon has not verified (any more)."""
    known = {name.lower() for name in row.verified_identities}
    return [name for name in provisioning.wanted().identities if name.lower() not in known]


def names(row: Installation) -> list[str]:
    """Return whom to ask about: what was wanted when provisioning, and what else the senders in use rest on."""
    # By the name in small letters, in Amazon's spelling: before the @ it tells them apart.
    chosen = {name.lower(): name for name in provisioning.wanted().identities}
    known = {name.lower(): name for name in row.verified_identities}
    found = dict(chosen)
    senders = Sender.objects.order_by("pk").values_list("address", flat=True)[:200]
    for address in filter(None, (row.sender_address, *senders)):
        may = identities_of(address)
        found |= {name: known[name] for name in may if name in known and name not in chosen}
        if not found.keys() & set(may):
            # Somebody may have verified it without telling us.
            found |= {name: name for name in (may[:1] if providers.is_providers_own(address) else may[:2])}
    return list(found.values())[:MOST]


def ask(wanted: Iterable[str]) -> dict[str, Answer]:
    """Return what Amazon says of each identity, or why it says nothing; who does not answer is not asked on."""
    found: dict[str, Answer] = {}
    silence: Exception | None = None
    for name in dict.fromkeys(wanted):
        answer = found[name] = silence or _answer(name)
        if isinstance(answer, Exception) and not _is_refusal(answer):
            silence = answer
    return found


def note(answers: Mapping[str, Answer]) -> Installation:
    """Keep what is certain with the settings, and return them."""
    said: dict[str, bool] = {}
    for name, answer in answers.items():
        if isinstance(answer, identity.NoSuchIdentityError):
            said[name] = False
        elif isinstance(answer, Identity) and (answer.is_verified or not answer.is_undecided):
            said[name] = answer.is_verified
    if untold := [name for name in answers if name not in said]:
        log.info("identities.not_told", names=untold)
    return installation.note_identities(said)


def _answer(name: str) -> Answer:
    try:
        return identity.state(installation.aws_connection(), name)
    except EXPECTED as error:
        return error


def _is_refusal(answer: Exception) -> bool:
    """Whether Amazon refused this one question, which says nothing of the next."""
    return isinstance(answer, AwsCallError) and not isinstance(answer, NoAnswerError)
