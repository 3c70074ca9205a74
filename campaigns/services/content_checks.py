"""The part of the check before launch that reads the mail itself: its texts, links, pictures and attachments."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mailplatform.accounts.models import Carrier
from mailplatform.accounts.services import installation
from mailplatform.aws import limits

from .. import languages, outside, plain_links
from ..rendering import Checked, Finding, Level, Part, build_stored
from ..rendering.spam import find_spam
from ..selectors import attachments, media
from ..selectors import campaigns as selectors
from ..selectors.reading import Reading
from . import publishing, template_languages, templates
from .checklist import CONTENT, FROM, SETTINGS, TEMPLATE, Preflight

# Of what Amazon SES takes a half, as the HTML part reads escaped copies of all values.
LARGEST_VALUES: Final = limits.MAX_TEMPLATE_DATA // 2
# What the visual editor's block "Image" shows until somebody chooses a picture (visual-blocks.js).
PLACEHOLDER: Final = "https://example.com/image.png"
# So many links are named for each reason why they are not counted.
NAMED: Final = 3
_SUBJECT_CODES: Final = frozenset({"empty_subject", "subject_lines", "long_subject", "short_subject"})


def check_content(result: Preflight, reading: Reading) -> None:
    """Whether the template may go out as it is, in every language, with the values of this campaign."""
    campaign, site = reading.campaign, reading.site
    if not site.postal_address.strip():
        message = "Your postal address is missing: every marketing mail must show it."
        result.add(Level.BLOCKING, "no_address", message, SETTINGS)
    if not site.company.strip():
        result.add(Level.WARNING, "no_company", "Your company's name is missing.", SETTINGS)
    if campaign.template is None:
        result.add(Level.BLOCKING, "no_template", "Choose a template.", CONTENT)
        return
    host = urlsplit(installation.public_url(site)).hostname or ""
    checked = templates.check(
        campaign.template,
        subject=campaign.subject,
        preheader=campaign.preheader,
        public_host=host,
        fields=reading.fields,
    )
    for finding in checked.findings:
        fix = FROM if finding.code in _SUBJECT_CODES and campaign.subject else TEMPLATE
        result.add(finding.level, finding.code, _where(finding) + finding.message, fix)
    _check_trust(result, reading, checked)
    values = publishing.campaign_variables(campaign, reading.fields)
    _check_plain_links(result, reading, checked, values)
    _check_languages(result, reading, host, values)
    needed = checked.variables.roots()
    size = sum(len(str(value).encode()) for name, value in values.items() if name in needed)
    if size > LARGEST_VALUES:
        message = (
            f"The values of this campaign are too large: {size:,} bytes, and Amazon SES takes {LARGEST_VALUES:,} with "
            "everything that is personal."
        )
        result.add(Level.BLOCKING, "values_too_large", message, CONTENT)
    for name, value in values.items():
        if name in needed and value in ("", None):
            message = f"“{name}” has no value in this campaign."
            result.add(Level.BLOCKING, "empty_variable", message, CONTENT)
    if checked.text_is_generated and checked.is_valid:
        message = "The text part is written from the HTML. Read it once in the preview."
        result.add(Level.ADVICE, "text_generated", message, TEMPLATE)


def _check_trust(result: Preflight, reading: Reading, checked: Checked) -> None:
    """What filters take for spam, and links that did not answer."""
    campaign = reading.campaign
    assert campaign.template is not None
    for finding in find_spam(checked, subject=campaign.subject or campaign.template.subject):
        fix = FROM if finding.part == Part.SUBJECT and campaign.subject else TEMPLATE
        result.add(finding.level, finding.code, finding.message, fix)
    for url, error in outside.dead_links(campaign, reading.spoken):
        result.add(
            Level.WARNING, "dead_link", f"“{url[:120]}” did not answer as it should: {error}", TEMPLATE
        )


def _check_plain_links(
    result: Preflight, reading: Reading, checked: Checked, values: Mapping[str, Any], where: str = ""
) -> None:
    """Where this site counts clicks, which links of the web it cannot count."""
    campaign, site = reading.campaign, reading.site
    is_counted = site.tracking_carrier == Carrier.OWN and publishing.tracks_clicks(campaign)
    if not is_counted or not checked.is_valid:
        return
    found = plain_links.find(
        build_stored(checked).html, public_url=installation.public_url(site), constants=values
    )
    if not found:
        return
    reasons: dict[plain_links.Why, list[str]] = {}
    for link in found:
        reasons.setdefault(link.why, []).append(link.address)
    are = (
        "1 link is not counted and leads"
        if len(found) == 1
        else f"{len(found):,} links are not counted and lead"
    )
    named = "; ".join(_named(why, addresses) for why, addresses in reasons.items())
    message = f"{where}{are} straight to the address: {named}."
    result.add(Level.ADVICE, "plain_links", message, CONTENT if where else TEMPLATE)


def _named(why: plain_links.Why, addresses: list[str]) -> str:
    shown = ", ".join(f"“{name[:60]}{'…' if len(name) > 60 else ''}”" for name in addresses[:NAMED])
    more = f" and {len(addresses) - NAMED:,} more" if len(addresses) > NAMED else ""
    return f"{len(addresses):,} because {why} ({shown}{more})"


def check_media(result: Preflight, reading: Reading) -> None:
    """Whether every picture of the library that a mail would show is there, in every language."""
    campaign = reading.campaign
    shown = [campaign.template, *(each.template for each in reading.spoken.values())]
    texts = [f"{each.html} {each.text} {each.defaults}" for each in shown if each is not None]
    if any(PLACEHOLDER in text for text in texts):
        message = "A picture is still the one that the visual editor puts in at first. Choose one of yours."
        result.add(Level.BLOCKING, "placeholder", message, TEMPLATE)
    if missing := media.missing_from([*texts, str(campaign.variables)]):
        message = (
            f"{len(missing)} of its pictures are not in the media library any more: readers would see a gap."
        )
        result.add(Level.BLOCKING, "missing_media", message, TEMPLATE)


def check_attachments(result: Preflight, reading: Reading) -> None:
    """Whether what is attached is still there, and what attachments cost."""
    found = attachments.noted(reading.attached)
    if not found:
        return
    if reading.without_content:
        message = (
            f"“{reading.without_content}” is attached, but its content is not there any more. Take it off and attach "
            "it again."
        )
        result.add(Level.BLOCKING, "attachment_missing", message, CONTENT)
    size = sum(each["size"] for each in found)
    count = f"{len(found)} attachment{'s' if len(found) != 1 else ''}"
    message = (
        f"{count} of {max(size, 100_000) / 1_000_000:.1f} MB go with every mail. Filters look twice at such mail, some "
        "companies refuse it, and nobody can tell who read them. A link to the file is lighter."
    )
    result.add(Level.WARNING, "attachments", message, CONTENT)


def _check_languages(result: Preflight, reading: Reading, host: str, values: Mapping[str, Any]) -> None:
    for code, found in reading.spoken.items():
        checked = templates.check(
            found.template,
            subject=found.subject,
            preheader=found.preheader,
            public_host=host,
            fields=reading.fields,
        )
        place = f"In {languages.language_name(code)}, {found.template.name}: "
        for finding in checked.findings:
            result.add(finding.level, finding.code, place + _where(finding) + finding.message, CONTENT)
        _check_plain_links(result, reading, checked, values, place)
    _check_unspoken(result, reading)


def _check_unspoken(result: Preflight, reading: Reading) -> None:
    """Say who gets a text in a language that is not theirs."""
    campaign = reading.campaign
    if campaign.template is None or result.audience.problem or not result.audience.total:
        return
    own = template_languages.own_language(campaign.template, reading.site)
    unspoken: Counter[str] = Counter()
    for code, count in selectors.languages_of_audience(campaign, reading.spec).items():
        if not languages.covers([*reading.spoken, own], code):
            unspoken[languages.language_name(code)] += count
    for name, count in unspoken.most_common(3):
        people = f"{count:,} people read" if count > 1 else "One person reads"
        message = f"{people} {name}; there is no text in {name}, so they get the one in {languages.language_name(own)}."
        result.add(Level.ADVICE, "no_language", message, CONTENT)


def _where(finding: Finding) -> str:
    return f"{finding.part}, line {finding.line}: " if finding.part and finding.line else ""
