"""Sending identities: domains with DKIM tokens, and addresses."""

import hashlib
import re
import time
from typing import Any

from ..errors import already_exists, bad_request, not_found
from .state import Handler, Params, State, page
from .tenants import check_unused

_DOMAIN = re.compile(r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
_UNVERIFIED = frozenset({"PENDING", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED"})


class Identities:
    """Operations on identities. Where the account says so, they are verified at once."""

    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Handler]:
        """Handlers by operation name."""
        return {
            "CreateEmailIdentity": self.create,
            "GetEmailIdentity": self.get,
            "ListEmailIdentities": self.list_all,
            "DeleteEmailIdentity": self.delete,
            "PutEmailIdentityConfigurationSetAttributes": self.put_configuration_set,
            "PutEmailIdentityDkimAttributes": self.put_dkim,
            "PutEmailIdentityDkimSigningAttributes": self.put_dkim_signing,
            "PutEmailIdentityFeedbackAttributes": self.put_feedback,
            "PutEmailIdentityMailFromAttributes": self.put_mail_from,
        }

    async def create(self, params: Params) -> Params:
        """Create a domain or address identity."""
        name = params["EmailIdentity"]
        if name in self._state.identities:
            raise already_exists(f"Email identity {name} already exist.")
        if "@" not in name and not _DOMAIN.fullmatch(name):
            raise bad_request(f"Invalid email identity: {name}")
        if params.get("ConfigurationSetName"):
            self._state.configuration_set(params["ConfigurationSetName"])
        identity = {
            "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
            "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": False,
            "VerificationStatus": "PENDING",
            "DkimAttributes": _dkim(name, params.get("DkimSigningAttributes")),
            "MailFromAttributes": {
                "MailFromDomain": "",
                "MailFromDomainStatus": "",
                "BehaviorOnMxFailure": "USE_DEFAULT_VALUE",
            },
            "Policies": {},
            "Tags": params.get("Tags", []),
        }
        if params.get("ConfigurationSetName"):
            identity["ConfigurationSetName"] = params["ConfigurationSetName"]
        self._state.identities.put(name, identity)
        if self._state.account.auto_verify:
            self.verify(name)
        return {key: identity[key] for key in ("IdentityType", "VerifiedForSendingStatus", "DkimAttributes")}

    def verify(self, name: str) -> None:
        """What the DNS records, or the click in SES's mail, would bring about."""
        identity = self._identity(name)
        identity |= {"VerifiedForSendingStatus": True, "VerificationStatus": "SUCCESS"}
        if identity["IdentityType"] == "DOMAIN":
            identity["DkimAttributes"]["Status"] = "SUCCESS"
        if identity["MailFromAttributes"]["MailFromDomain"]:
            identity["MailFromAttributes"]["MailFromDomainStatus"] = "SUCCESS"
        self._state.identities.put(name, identity)

    def unverify(self, name: str, status: str) -> None:
        """What records that were taken away bring about (FAILED), or a fault of Amazon's (TEMPORARY_FAILURE)."""
        if status not in _UNVERIFIED:
            raise bad_request(f"Not a status of an identity that may not send: {status}")
        identity = self._identity(name) | {"VerifiedForSendingStatus": False, "VerificationStatus": status}
        if identity["IdentityType"] == "DOMAIN":
            identity["DkimAttributes"]["Status"] = status
        self._state.identities.put(name, identity)

    async def get(self, params: Params) -> Params:
        """One identity."""
        return self._identity(params["EmailIdentity"])

    async def list_all(self, params: Params) -> Params:
        """All identities."""
        found = [
            {
                "IdentityType": item["IdentityType"],
                "IdentityName": name,
                "SendingEnabled": item["VerifiedForSendingStatus"],
                "VerificationStatus": item["VerificationStatus"],
            }
            for name, item in self._state.identities.items()
        ]
        return page("EmailIdentities", found, params)

    async def delete(self, params: Params) -> Params:
        """Delete one."""
        self._identity(params["EmailIdentity"])
        check_unused(self._state, self._state.arn("identity", params["EmailIdentity"]))
        self._state.identities.remove(params["EmailIdentity"])
        return {}

    async def put_configuration_set(self, params: Params) -> Params:
        """Set or remove the default configuration set."""
        name = params.get("ConfigurationSetName")
        if name:
            self._state.configuration_set(name)
        return self._change(params, lambda identity: identity.update(ConfigurationSetName=name or ""))

    async def put_dkim(self, params: Params) -> Params:
        """Switch DKIM signing."""
        enabled = params.get("SigningEnabled", False)
        return self._change(
            params, lambda identity: identity["DkimAttributes"].update(SigningEnabled=enabled)
        )

    async def put_dkim_signing(self, params: Params) -> Params:
        """New keys mean new tokens."""
        identity = self._identity(params["EmailIdentity"])
        attributes = _dkim(params["EmailIdentity"], params.get("SigningAttributes"))
        attributes["Status"] = "SUCCESS" if self._state.account.auto_verify else "PENDING"
        identity["DkimAttributes"] = attributes
        self._state.identities.put(params["EmailIdentity"], identity)
        return {"DkimStatus": attributes["Status"], "DkimTokens": attributes["Tokens"]}

    async def put_feedback(self, params: Params) -> Params:
        """Forwarding of bounces by mail."""
        enabled = params.get("EmailForwardingEnabled", False)
        return self._change(params, lambda identity: identity.update(FeedbackForwardingStatus=enabled))

    async def put_mail_from(self, params: Params) -> Params:
        """The custom MAIL FROM domain; it must lie below the identity's own."""
        name, domain = params["EmailIdentity"], params.get("MailFromDomain", "")
        if domain and not domain.lower().endswith("." + name.rpartition("@")[2].lower()):
            raise bad_request(
                f"Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity."
            )
        status = "" if not domain else "SUCCESS" if self._state.account.auto_verify else "PENDING"
        attributes = {
            "MailFromDomain": domain,
            "MailFromDomainStatus": status,
            "BehaviorOnMxFailure": params.get("BehaviorOnMxFailure", "USE_DEFAULT_VALUE"),
        }
        return self._change(params, lambda identity: identity.update(MailFromAttributes=attributes))

    def _identity(self, name: str) -> dict[str, Any]:
        found = self._state.identities.get(name)
        if found is None:
            raise not_found(f"Email identity {name} does not exist.")
        return found

    def _change(self, params: Params, edit: Any) -> Params:
        identity = self._identity(params["EmailIdentity"])
        edit(identity)
        self._state.identities.put(params["EmailIdentity"], identity)
        return {}


def sender_identity(state: State, address: str) -> tuple[str, dict[str, Any]] | None:
    """The verified identity that lets this address send: itself, its domain or a parent domain."""
    local, _, domain = address.rpartition("@")
    labels = domain.lower().split(".")
    candidates = [address, f"{local}@{domain.lower()}"] + [
        ".".join(labels[n:]) for n in range(len(labels) - 1)
    ]
    for name in candidates:
        found = state.identities.get(name)
        if found:
            # The settings of an address identity win over those of its domain, verified or not.
            return (name, found) if found["VerifiedForSendingStatus"] else None
    return None


def _dkim(name: str, signing: dict[str, Any] | None) -> dict[str, Any]:
    signing = signing or {}
    domain = "@" not in name
    own_key = bool(signing.get("DomainSigningPrivateKey"))
    selectors = [hashlib.sha256(f"{name}:{n}:{time.time()}".encode()).hexdigest()[:32] for n in range(3)]
    tokens = [signing.get("DomainSigningSelector", "")] if own_key else selectors
    attributes: dict[str, Any] = {
        "SigningEnabled": domain,
        "Status": "PENDING" if domain else "NOT_STARTED",
        "Tokens": tokens if domain else [],
        "SigningAttributesOrigin": "EXTERNAL" if own_key else "AWS_SES",
    }
    if domain and not own_key:
        length = signing.get("NextSigningKeyLength", "RSA_2048_BIT")
        attributes |= {
            "SigningHostedZone": "dkim.amazonses.com",
            "NextSigningKeyLength": length,
            "CurrentSigningKeyLength": length,
            "LastKeyGenerationTimestamp": time.time(),
        }
    return attributes
