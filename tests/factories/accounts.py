"""Users, whether they have just signed in, and the installation."""

import functools
import time

from allauth.account.internal.flows import login
from django.contrib.auth.hashers import make_password
from django.test import Client
from factory.declarations import LazyFunction, Sequence
from factory.django import DjangoModelFactory

from mailplatform.accounts.models import Installation, Role, User

PASSWORD = "correct horse battery"


@functools.cache
def _hashed() -> str:
    """Return the slow hash, made once for all users of a test run."""
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory[User]):
    """A marketer who can sign in with PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"person{n}@example.org")  # type: ignore[no-untyped-call]
    name = Sequence(lambda n: f"Person {n}")  # type: ignore[no-untyped-call]
    role = Role.MARKETER
    password = LazyFunction(_hashed)  # type: ignore[no-untyped-call]


class AdminFactory(UserFactory):
    """An administrator."""

    role = Role.ADMIN


class ViewerFactory(UserFactory):
    """Somebody who may only read."""

    role = Role.VIEWER


class InstallationFactory(DjangoModelFactory[Installation]):
    """The one row of settings, filled in."""

    class Meta:
        model = Installation
        django_get_or_create = ("id",)

    id = 1
    company = "Harbour Books GmbH"
    postal_address = "Am Hafen 1\n20457 Hamburg\nGermany"
    public_url = "https://mail.example.org"
    sender_name = "Harbour Books"
    sender_address = "news@example.org"
    verified_identities = ["example.org"]
    max_send_rate = 14.0
    max_24_hour_send = 50_000.0
    production_access = True


class MarketerFactory(UserFactory):
    """Somebody who writes and sends campaigns."""

    role = Role.MARKETER


def sign_in(client: Client, user: User) -> Client:
    """Sign in as after the form: acts that ask for a recent password go through."""
    client.force_login(user)
    session = client.session
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time()}]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    return client
