"""Mailing lists: made, changed, archived. A list is never deleted: who left it must stay known."""

from django.db import IntegrityError, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import MailingList, OptIn


class ListError(ValueError):
    """The list cannot be made or changed so; the message says why."""


def create(
    *,
    name: str,
    description: str = "",
    is_public: bool = False,
    opt_in: str = OptIn.DOUBLE,
    actor: User | None = None,
) -> MailingList:
    """Make a mailing list. Raises ListError when the name is empty or taken."""
    made = MailingList(is_public=is_public, opt_in=opt_in)
    _fill(made, name, description)
    _save(made)
    audit.record(actor=actor, action="list.created", obj=made, detail={"name": made.name})
    return made


def update(
    *,
    mailing_list: MailingList,
    name: str,
    description: str,
    is_public: bool,
    opt_in: str,
    actor: User | None = None,
) -> MailingList:
    """Change a list. Raises ListError when the name is empty or taken."""
    mailing_list.is_public, mailing_list.opt_in = is_public, opt_in
    _fill(mailing_list, name, description)
    _save(mailing_list)
    audit.record(actor=actor, action="list.changed", obj=mailing_list, detail={"name": mailing_list.name})
    return mailing_list


def ensure(*, name: str, is_public: bool = False, opt_in: str = OptIn.DOUBLE) -> MailingList:
    """Return the list of this name; make it when it is new."""
    found = MailingList.objects.filter(name=name).first()
    return found or create(name=name, is_public=is_public, opt_in=opt_in)


def archive(*, mailing_list: MailingList, actor: User | None = None) -> None:
    """Take a list out of use. Subscriptions, and above all who left, are kept."""
    MailingList.objects.filter(pk=mailing_list.pk, archived_at=None).update(archived_at=clock.now())
    audit.record(actor=actor, action="list.archived", obj=mailing_list, detail={"name": mailing_list.name})


def _fill(mailing_list: MailingList, name: str, description: str) -> None:
    mailing_list.name = " ".join(name.split())[:120]
    mailing_list.description = description.strip()[:500]
    if not mailing_list.name:
        raise ListError("Give the list a name.")
    if mailing_list.opt_in not in OptIn.values:
        raise ListError("Choose how a sign-up is confirmed.")


def _save(mailing_list: MailingList) -> None:
    try:
        with transaction.atomic():
            mailing_list.save()
    except IntegrityError:
        raise ListError(f"There already is a list “{mailing_list.name}”.") from None
