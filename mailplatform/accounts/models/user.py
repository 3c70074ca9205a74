"""A person who works with mailplatform."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from mailplatform.core import clock


class Role(models.TextChoices):
    """What a user may do; each role may do all that the ones before it may."""

    VIEWER = "viewer", "Viewer"
    MARKETER = "marketer", "Marketer"
    ADMIN = "admin", "Administrator"


ROLE_ORDER = [Role.VIEWER, Role.MARKETER, Role.ADMIN]


class UserManager(BaseUserManager["User"]):
    """Makes users whose address is their name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; an address is stored in lower case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator (named so for Django's own command)."""
        return self.create_user(email, password, role=Role.ADMIN, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Signs in with an e-mail address and has one role."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    is_active = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, blank=True)
    date_joined = models.DateTimeField(default=clock.now)
    # When the link to the first password went out or was made; its age says whether it still works.
    invited_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """Return whether the user may open Django's own administration."""
        return self.role == Role.ADMIN

    def has_role(self, role: str) -> bool:
        """Return whether the user has at least `role`."""
        return self.is_active and ROLE_ORDER.index(Role(self.role)) >= ROLE_ORDER.index(Role(role))
