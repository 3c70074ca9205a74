"""Asking for a look from outside at a campaign's links and its sender's domain: see `campaigns.outside`."""

from .. import outside, tasks
from ..selectors.reading import Reading


def ask(reading: Reading) -> bool:
    """Let a worker look at what is not known yet; return whether a look is under way, so that asking again pays."""
    campaign = reading.campaign
    if outside.claim(campaign, reading.spoken, reading.site):
        tasks.look_outside.delay(campaign_id=campaign.pk)
    return outside.is_looking(campaign)
