"""Third-party domains and cookies, as the settings make them."""

from ..blocks import Block, Heading, Para, Points, Table
from ..facts import Facts
from ..questions import Answers, answered
from .common import (
    amazon_counts,
    counts_itself,
    is_local,
    is_measured,
    left_at_amazon,
    smtp_host,
    tracking_host,
)


def write(facts: Facts, answers: Answers) -> list[Block]:
    """Write what a reader's device, a user's browser and the server get in touch with."""
    region = facts.value("amazon", "region")
    cookies = [[f.label, f.value, f.note] for f in facts.group("browser") if f.key.startswith("cookie_")]
    rules = [
        [f.label.removeprefix("Content-Security-Policy "), f.value]
        for f in facts.group("browser")
        if f.key.startswith("csp_")
    ]
    return [
        Heading("What a reader meets"),
        Points(_reader(facts, region)),
        *_tracking_host(facts, answers),
        Heading("Cookies"),
        Para("Readers get no cookies on the pages that mails and sign-up forms lead to. Users of these pages get the following, all necessary for signing in:"),
        Table(["Cookie", "Lifetime and guard", "Who gets it"], cookies),
        Heading("What these pages may load"),
        Para(f"Foreign hosts: {facts.value('browser', 'foreign')}. The Content-Security-Policy in force:"),
        Table(["Directive", "Sources"], rules),
        Para(
            "Where a mail itself is shown, the pictures load that its template names, from wherever they are, and nothing else: readers' "
            "copy in the browser and the archive, users' previews and the visual editor. No script of anybody else runs on any page."
        ),
        Heading("What the server contacts"),
        Table(["Host", "What for"], _server(facts, region)),
    ]  # fmt: skip


def _reader(facts: Facts, region: str) -> list[str]:
    found = [
        f"This site, {facts.value('controller', 'public_url')}: links to unsubscribe, preferences, sign-up",
        "Pictures of the media library come from this site, under one address for every reader; nobody counts who loads them",
        "Other pictures and links in mails lead where their author made them lead",
    ]
    if is_measured(facts) and counts_itself(facts):
        found.append(
            f"Pixel (/o/) and redirect (/l/) of this site, {facts.value('controller', 'public_url')}, in mails to those who consented: "
            "no third party, no cookie"
        )
    if amazon_counts(facts):
        when = ", sent while Amazon counted" if counts_itself(facts) else ""
        what = f"pixel and redirect of Amazon, in mails to those who consented{when}"
        straight = f"awstrack.me (hosts of the form <id>.r.{region}.awstrack.me)"
        if host := tracking_host(facts):
            found.append(f"{host}, which passes on to r.{region}.awstrack.me: {what}")
            found.append(f"{straight}: the same, in any mail from before {host} was set up")
        else:
            found.append(f"{straight}: {what}")
    elif not is_measured(facts):
        found.append("No tracking host: measuring is off")
    return found


def _tracking_host(facts: Facts, answers: Answers) -> list[Block]:
    if not (host := tracking_host(facts)):
        return []
    return [Table(["Tracking domain", "Run by"], [[host, answered(answers, "tracking_host")]])]


def _server(facts: Facts, region: str) -> list[list[str]]:
    if is_local(facts):
        return [[facts.value("amazon", "endpoints"), "the local sandbox in place of Amazon"]]
    found = _amazon(facts, region)
    if host := smtp_host(facts):
        found.insert(0, [host, f"handing mail over, by SMTP, {facts.value('amazon', 'smtp_line')}"])
    found += [[fact.label, "webhook: " + fact.value] for fact in facts.group("webhooks")]
    return found


def _amazon(facts: Facts, region: str) -> list[list[str]]:
    """Return which hosts of Amazon the server contacts."""
    is_smtp = bool(smtp_host(facts))
    if is_smtp and not left_at_amazon(facts):
        return []
    suffix = "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"
    found = [
        [f"email.{region}.{suffix}", "the account; no mail" if is_smtp else "sending, templates, account"],
        [f"sns.{region}.{suffix}", "confirming the subscription; the certificate that signs events"],
        ["crt.*.amazontrust.com", "the authority of that certificate"],
        [f"sqs.{region}.{suffix}, sts.{region}.{suffix}", "setting up, events that could not be delivered"],
    ]
    if facts.is_yes("amazon", "monitoring"):
        found.append(
            [f"monitoring.{region}.{suffix}", "figures of this site each minute; alarms and dashboard"]
        )
    if facts.value("amazon", "schedules"):
        found.append([f"events.{region}.{suffix}", "setting up schedules"])
    if facts.value("hosting", "uploads") == "Amazon S3":
        found.append(["s3, in " + facts.value("amazon", "bucket").removeprefix("yes, in "), "uploads"])
    if facts.value("amazon", "endpoints") != "none":
        found.append([facts.value("amazon", "endpoints"), "set in the place of Amazon's own endpoints"])
    return found
