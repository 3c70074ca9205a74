"""Tokens of the API: made, shown once, told apart by a hash, revoked."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.db.models import Q

from mailplatform.core import clock

from ..models import ApiReply, ApiToken, Role, User
from . import audit

PREFIX: Final = "mp_"
NOTED_EVERY: Final = dt.timedelta(minutes=1)
REPLIES_KEPT: Final = dt.timedelta(days=1)
# What each scope lets a program do, and the role that its owner must have for it, as on the pages.
SCOPES: Final[dict[str, tuple[str, Role]]] = {
    "people:read": ("Read people, their lists and their consent", Role.VIEWER),
    "people:write": ("Add, change, sign up and unsubscribe people", Role.MARKETER),
    "people:erase": ("Erase people", Role.ADMIN),
    "lists:read": ("Read lists", Role.VIEWER),
    "lists:write": ("Make lists", Role.MARKETER),
    "campaigns:read": ("Read campaigns and how far they are", Role.VIEWER),
    "campaigns:write": ("Make, schedule and pause campaigns", Role.MARKETER),
}


class TokenError(ValueError):
    """A token that cannot be made so; ``field`` names the input."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@transaction.atomic
def make(*, name: str, scopes: Collection[str], owner: User) -> tuple[ApiToken, str]:
    """Make a token; the second value is its secret, which nobody can read again. Raises TokenError."""
    name = " ".join(name.split())[:100]
    if not name:
        raise TokenError("Give it a name: which program uses it?", "name")
    if not scopes or not set(scopes) <= SCOPES.keys():
        raise TokenError("Choose what it may do.", "scopes")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        name=name, owner=owner, key_hash=_hash(secret), hint=secret[:8], scopes=sorted(set(scopes))
    )
    audit.record(
        actor=owner, action="api_token.made", obj=token, detail={"name": name, "scopes": token.scopes}
    )
    return token, secret


@transaction.atomic
def revoke(*, token_id: int, actor: User) -> bool:
    """Let a token be refused from now on; False where there is none that still works."""
    changed = ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=clock.now())
    if changed:
        audit.record(actor=actor, action="api_token.revoked", detail={"token": token_id})
    return bool(changed)


def revoke_all(*, owner: User, actor: User) -> int:
    """Revoke what still works of one user's tokens, in the transaction of the act that asks for it; return how many."""
    tokens = ApiToken.objects.filter(owner=owner, revoked_at=None)
    return sum(revoke(token_id=pk, actor=actor) for pk in list(tokens.values_list("pk", flat=True)))


def find(secret: str) -> ApiToken | None:
    """Return the token of a secret, if it and its owner's account still work; notes the use, once a minute."""
    token = ApiToken.objects.select_related("owner").filter(key_hash=_hash(secret), revoked_at=None).first()
    if token is None or not token.owner.is_active:
        return None
    now = clock.now()
    unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
    ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
    return token


def forget_replies() -> int:
    """Delete answers that are older than a day; return how many."""
    return ApiReply.objects.filter(created_at__lt=clock.now() - REPLIES_KEPT).delete()[0]


def _hash(secret: str) -> str:
    """Return the SHA-256: the secret has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
