"""The second factor, beyond what django-allauth does: how an administrator helps somebody who lost it."""

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from ..models import User
from . import audit, sessions


@transaction.atomic
def reset(*, actor: User, user: User) -> bool:
    """Take every second factor from a user who lost it and end their sessions; False where there is none.

    They are told by mail: whoever did not ask for it must hear of it.
    """
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if not removed:
        return False
    ended = sessions.end_all(user)
    audit.record(
        actor=actor,
        action="second_factor.reset",
        obj=user,
        detail={"email": user.email, "sessions_ended": ended},
    )
    transaction.on_commit(
        lambda: get_adapter().send_mail("account/email/second_factor_reset", user.email, {"actor": actor})
    )
    return True
