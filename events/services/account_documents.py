"""What `manage.py provision` prints for other hands: two IAM policies, a CloudFormation template, a text for Amazon."""

import json
import re
from dataclasses import dataclass
from typing import Final

from mailplatform.accounts.services import installation
from mailplatform.aws.provision import request_text
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.provision.cloudformation import template
from mailplatform.aws.provision.wanted import Wanted

from . import account_choices, provisioning

ACCOUNT: Final = re.compile(r"\d{12}")


class BadAccount(ValueError):
    """This is no number of an AWS account."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text to copy or download; `kind` ends its file's name."""

    name: str
    title: str
    lead: str
    text: str
    kind: str = "json"

    @property
    def is_prose(self) -> bool:
        """Whether it is a text, whose lines may be broken anywhere."""
        return self.kind == "txt"


def request_for_access() -> Document:
    """Return the text that asks Amazon for production access; no account has to be known for it."""
    return Document(
        "production-access",
        "Request for production access",
        "For Amazon's form: SES console, Account dashboard, Request production access. Add how many people you write "
        "to, and how often.",
        request_text.text(account_choices.wanted(), installation.get().company),
        "txt",
    )


def of_account(number: str = "") -> list[Document]:
    """Return the documents that name the account: of this number, or the one whose keys the site has.

    Raises BadAccount, and what provisioning raises where Amazon cannot be asked for the number.
    """
    if number and not ACCOUNT.fullmatch(number):
        raise BadAccount("An account's number has 12 digits, without hyphens.")
    return _made(account_choices.wanted(), provisioning.amazon_of(number))


def _made(want: Wanted, amazon: Amazon) -> list[Document]:
    policies = provisioning.policies(want, amazon)
    return [
        Document(
            "policy-setup",
            "IAM policy setup",
            "For the keys that compare, apply and remove. In the IAM console: Policies, Create policy, JSON.",
            json.dumps(policies["setup"], indent=2),
        ),
        Document(
            "policy-runtime",
            "IAM policy runtime",
            "For the site's own keys, once everything is set up: it sends and reads, and makes or removes nothing.",
            json.dumps(policies["runtime"], indent=2),
        ),
        Document(
            "cloudformation",
            "CloudFormation template",
            "The same resources, for those who set accounts up that way. Compare and apply do not need it.",
            json.dumps(template(provisioning.resources(want, amazon), amazon.region), indent=2),
        ),
    ]
