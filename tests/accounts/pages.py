"""What the tests of signing in share."""

import re
import time
from typing import TYPE_CHECKING

import pyotp
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories.accounts import PASSWORD
from vop.lib import jobs

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as TestResponse

WRONG = "helt fel men lång nog"
OTHER_PASSWORD = "en annan och lika lång lösenfras"


def post_login(
    client: Client, email: str, password: str = PASSWORD, **extra: str
) -> "TestResponse":
    return client.post("/login/", {"login": email, "password": password, **extra})


def deliver() -> list[mail.EmailMessage]:
    """Run the waiting jobs; return the mails that left."""
    before = len(mail.outbox)
    jobs.run_all(now=timezone.now())
    return mail.outbox[before:]


def find_link(message: mail.EmailMessage) -> str:
    found = re.search(r"http://localhost:8000(/\S+)", str(message.body))
    assert found
    return found[1]


def enrol(user: User, secret: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP") -> pyotp.TOTP:
    """Give a person an authenticator app, as if long ago."""
    TOTP.activate(user, secret)
    user.refresh_from_db()
    return pyotp.TOTP(secret)


def code_of(app: pyotp.TOTP, *, step: int = 0) -> str:
    """Return the code of now, or of a later step."""
    return str(app.at(int(time.time()), counter_offset=step))
