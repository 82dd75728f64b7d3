"""Who a person is, and where they are signed in. A person is global: no company owns one."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from auditlog.actors import Ref
from vop.lib.db import UUIDModel

# The first mark found wins: most browsers also claim to be older ones.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


class UserManager(BaseUserManager["User"]):
    """Makes people; Django's own commands and backends look for these names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a person with an unusable password unless one is given."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a member of staff with every right; not for daily use."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail address, whatever the case."""
        return self.get(email__iexact=username)


class User(UUIDModel, AbstractBaseUser, PermissionsMixin):
    """A person who signs in with an e-mail address. `sub` is who they are to services."""

    sub = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    full_name = models.CharField(_("name"), max_length=120)
    language = models.CharField(
        _("language"), max_length=5, choices=settings.LANGUAGES, default=settings.LANGUAGE_CODE
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    objects = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="person_email_is_unique_in_any_case")
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def ref(self) -> Ref:
        """The person as the log names them."""
        return Ref("person", str(self.pk), self.display_name)

    @property
    def display_name(self) -> str:
        """The name, or the address as long as there is none."""
        return self.full_name or self.email

    def get_full_name(self) -> str:
        """Return the name, as Django's admin asks for it."""
        return self.full_name

    def get_short_name(self) -> str:
        """Return the first name, or the address as long as there is none."""
        return self.full_name.split(" ")[0] if self.full_name else self.email


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self, now: datetime) -> Self:
        """Select sessions of somebody that haven't run out."""
        return self.filter(expire_date__gt=now).exclude(user=None)


class Session(AbstractBaseSession):
    """A browser's session: Django's row, with whose it is. Deleting it signs the browser out.

    `ref` names the session to its owner, the log and services. It isn't the key, it stays when
    the key changes, and it is empty until somebody signs in.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="sessions"
    )
    ref = models.UUIDField(null=True, db_index=True)
    signed_in_at = models.DateTimeField(_("signed in"), null=True)
    seen_at = models.DateTimeField(_("last seen"), null=True)
    ip = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("device"), max_length=300, default="")

    of_people = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None)
                | (
                    models.Q(ref__isnull=False)
                    & models.Q(signed_in_at__isnull=False)
                    & models.Q(seen_at__isnull=False)
                ),
                name="session_of_a_person_says_since_when",
            )
        ]

    def __str__(self) -> str:
        return str(self.ref)

    @property
    def device(self) -> str:
        """The browser and system that the session says it is of, as people call them."""
        browser = next((n for mark, n in _BROWSERS if mark in self.user_agent), "")
        system = next((n for mark, n in _SYSTEMS if mark in self.user_agent), "")
        return " · ".join(filter(None, (browser, system)))
