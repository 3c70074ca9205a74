"""Where personal data may go: an allow-list of Regions in the European Economic Area, and of hosts in them.

London and Zurich have adequacy decisions but lie outside the EEA, so they are not on the list. An operator may make
exceptions in `EEA_EXCEPTIONS` (Regions and hosts, between commas); the record of processing names each of them.
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError
from botocore.session import Session

from mailplatform import env

from .provision.wanted import BUCKET

EXCEPTIONS_VARIABLE: Final = "EEA_EXCEPTIONS"
# Region to city and country, as Amazon's list of Regions says.
PLACES: Final[Mapping[str, str]] = {
    "eu-central-1": "Frankfurt, Germany",
    "eu-west-1": "Dublin, Ireland",
    "eu-west-3": "Paris, France",
    "eu-north-1": "Stockholm, Sweden",
    "eu-south-1": "Milan, Italy",
    "eu-south-2": "Aragon, Spain",
    "eusc-de-east-1": "Brandenburg, Germany (AWS European Sovereign Cloud)",
}
EEA_REGIONS: Final = frozenset(PLACES)
# Anybody can name a host eu-central-1.example.com; only under Amazon's own domains does a Region say where it is.
_AMAZON: Final = (
    ".amazonaws.com",
    ".amazonaws.eu",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.eu",
)
_REGION: Final = re.compile(r"(?:^|[.-])((?:[a-z]{2}(?:-gov|-iso[a-z]?)?|eusc-[a-z]{2})-[a-z]+-\d+)(?=[.-])")


def partition(region: str) -> str:
    """Return the second part of the ARNs of a Region."""
    return "aws-eusc" if region.startswith("eusc-") else "aws"


def is_amazon(url: str) -> bool:
    """Whether an address is one of Amazon's own, as that of a VPC endpoint."""
    return (urlsplit(url).hostname or "").lower().endswith(_AMAZON)


def exceptions() -> frozenset[str]:
    """Return the Regions and hosts that the operator allows although they are not known to be in the EEA."""
    return frozenset(name.lower() for name in env.list(EXCEPTIONS_VARIABLE, []))


def region_problem(region: str, setting: str) -> str | None:
    """Say in one sentence why the Region that `setting` names must not be used, or None."""
    if region in EEA_REGIONS or region in exceptions():
        return None
    return (
        f"{setting} is {region!r}, which is not an Amazon Region in the European Economic Area: choose one of "
        f"{', '.join(sorted(EEA_REGIONS))}, or name it in {EXCEPTIONS_VARIABLE}."
    )


def endpoint_problem(url: str, setting: str) -> str | None:
    """Say in one sentence why the address that `setting` names must not be used, or None.

    One's own network is allowed. A host of Amazon must name an EEA Region: a global or multi-region endpoint may
    answer from anywhere. Of any other host nobody knows where it is.
    """
    host = (urlsplit(url).hostname or "").lower()
    if host in exceptions() or _is_near(host):
        return None
    where = f"{setting} points to {host!r}" if host else f"{setting} is {url!r}"
    cure = f"use an endpoint of an EEA Region, or name the host in {EXCEPTIONS_VARIABLE}."
    if not host.endswith(_AMAZON):
        return f"{where}, and nothing says that it is in the European Economic Area: {cure}"
    named = _REGION.findall(host)
    if not named:
        return (
            f"{where}, a global or multi-region endpoint that may answer from outside the European Economic Area: "
            f"{cure}"
        )
    if outside := [name for name in named if name not in EEA_REGIONS | exceptions()]:
        return f"{where} in {outside[0]}, which is outside the European Economic Area: {cure}"
    return None


def endpoints(configured: Mapping[str, str]) -> dict[str, str]:
    """Return every address that replaces one of Amazon's own, by the setting that names it.

    `configured` are ours, by service. Botocore also obeys variables that we do not read, as
    `AWS_ENDPOINT_URL_EVENTBRIDGE`, and the shared configuration file, so these are looked up as botocore would.
    """
    for_all = os.environ.get("AWS_ENDPOINT_URL")
    ours = {f"AWS_ENDPOINT_URL_{service.upper()}": url for service, url in configured.items()}
    # What one variable says for all services is said once.
    found = {name: url for name, url in ours.items() if url != for_all or os.environ.get(name)}
    variables = {
        name: url
        for name, url in os.environ.items()
        if name.startswith("AWS_ENDPOINT_URL") and not name.endswith("_FILE") and url
    }
    return _from_file() | variables | found


def _from_file() -> dict[str, str]:
    session: Any = Session()
    try:
        profile, services = session.get_scoped_config(), session.full_config.get("services", {})
    except BotoCoreError:
        # No client can be made from such a file either, so nothing leaves by it.
        return {}
    found = {"endpoint_url in the AWS configuration file": profile.get("endpoint_url", "")}
    for service, options in services.get(profile.get("services", ""), {}).items():
        if isinstance(options, Mapping):
            found[f"endpoint_url of {service} in the AWS configuration file"] = options.get(
                "endpoint_url", ""
            )
    return {name: url for name, url in found.items() if url}


def sts_problem() -> str | None:
    """Say why calls to STS would go to the global endpoint in the United States, or None."""
    if str(_chosen("sts_regional_endpoints")).lower() != "legacy" or "sts.amazonaws.com" in exceptions():
        return None
    variable = "AWS_STS_REGIONAL_ENDPOINTS"
    setting = variable if os.environ.get(variable) else "sts_regional_endpoints in the AWS configuration file"
    return (
        f"{setting} is 'legacy', which signs in at sts.amazonaws.com in the United States: "
        f"set it to 'regional', or name sts.amazonaws.com in {EXCEPTIONS_VARIABLE}."
    )


def accelerate_problem() -> str | None:
    """Say why files would go by way of Amazon's nearest place anywhere on earth, or None."""
    options = _chosen("s3")
    is_on = isinstance(options, Mapping) and options.get("use_accelerate_endpoint")
    if not is_on or "s3-accelerate.amazonaws.com" in exceptions():
        return None
    return (
        "use_accelerate_endpoint of s3 in the AWS configuration file is on, and s3-accelerate.amazonaws.com may answer "
        f"from outside the European Economic Area: switch it off, or name that host in {EXCEPTIONS_VARIABLE}."
    )


def _chosen(variable: str) -> Any:
    """Return what botocore would use: its environment variable first, then the profile in the configuration file."""
    session: Any = Session()
    try:
        return session.get_config_variable(variable)
    except BotoCoreError:
        # As in `_from_file`: no client can be made.
        return None


def bucket_problem(bucket: str, setting: str) -> str | None:
    """Say why the bucket that `setting` names must not be used, or None.

    Boto3 takes an ARN in the place of a name and then calls the Region that the ARN names, or all of them.
    """
    if BUCKET.fullmatch(bucket):
        return None
    return (
        f"{setting} is {bucket!r}, which is not the plain name of a bucket (3 to 63 small letters, digits, dots and "
        "hyphens); an ARN may lead to another Region."
    )


def problems(
    *, regions: Mapping[str, str], configured: Mapping[str, str], buckets: Mapping[str, str] | None = None
) -> list[str]:
    """Return one sentence for each setting that would take personal data out of the EEA.

    `regions` and `buckets` are given by the setting that names them; `configured` are endpoints by service.
    """
    found: Iterable[str | None] = (
        *(bucket_problem(bucket, setting) for setting, bucket in (buckets or {}).items()),
        *(region_problem(region, setting) for setting, region in regions.items()),
        *(endpoint_problem(url, setting) for setting, url in sorted(endpoints(configured).items())),
        sts_problem(),
        accelerate_problem(),
    )
    return [text for text in found if text]


def _is_near(host: str) -> bool:
    """Whether a host is on this machine or in one's own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A name begins with a letter; a number alone would be read as an address of the internet.
        return host[:1].isalpha() and (
            "." not in host or host.endswith((".internal", ".localhost", ".local"))
        )
    return address.is_loopback or address.is_private
